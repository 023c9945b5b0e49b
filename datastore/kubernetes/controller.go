package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

var (
	_ datastore.StatusWriter  = (*Store)(nil)
	_ datastore.EventRecorder = (*Store)(nil)
	_ datastore.Elector       = (*Store)(nil)
)

// UpdateStatus implements datastore.StatusWriter. Where the server does not keep the status
// apart, as in clusters with older definitions, the whole object is written.
func (s *Store) UpdateStatus(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	if err := s.refuse("update", key); err != nil {
		return nil, err
	}
	c := s.collectionOf(key.Kind)
	if c.encode == nil || o.GetResourceVersion() == "" {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, "its status cannot be written")
	}
	var stored metav1.ObjectMeta
	if s.mustSeeStored(o) {
		var err error
		if o, stored, err = s.withStored(ctx, key, c, o); err != nil {
			return nil, err
		}
	}
	body, err := c.encode(o, stored)
	if err != nil {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, err.Error())
	}
	answer, err := s.do(ctx, s.client.Put().AbsPath(c.item(key.Name), "status").SetHeader("Content-Type", "application/json").Body(body))
	if apierrors.IsNotFound(err) && isMissingResource(err) {
		return s.Update(ctx, o)
	}
	if err != nil {
		r := c.request("update")
		r.resource = c.resource + "/status." + c.group
		return nil, s.failure(ctx, "update", key, r, err)
	}
	return decoded("update", key, c, answer)
}

// eventSource is what events say of whom they are from.
const eventSource = "calicoctl-controller"

// maxEventText is how long the server lets the text of an event be.
const maxEventText = 1024

// RecordEvent implements datastore.EventRecorder. Objects without a namespace have their events in "default".
func (s *Store) RecordEvent(ctx context.Context, e datastore.ObjectEvent) error {
	now, version := time.Now(), s.group
	if e.Key.Kind == resources.Node {
		version = "v1"
	}
	kind := "Normal"
	if e.Warning {
		kind = "Warning"
	}
	text := e.Text
	if len(text) > maxEventText {
		text = text[:maxEventText-3] + "..."
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata": map[string]any{"generateName": "calicoctl-", "namespace": metav1.NamespaceDefault},
		"involvedObject": map[string]any{
			"apiVersion": version, "kind": e.Key.Kind.Name, "name": e.Key.Name, "uid": e.UID,
		},
		"type": kind, "reason": e.Reason, "message": text, "count": 1,
		"source":             map[string]any{"component": eventSource},
		"reportingComponent": eventSource,
		"firstTimestamp":     metav1.NewTime(now), "lastTimestamp": metav1.NewTime(now),
	})
	if err != nil {
		return err
	}
	r := s.client.Post().AbsPath("/api/v1/namespaces/" + metav1.NamespaceDefault + "/events")
	_, err = s.do(ctx, r.SetHeader("Content-Type", "application/json").Body(body))
	return s.failure(ctx, "create", e.Key, request{"create", "events"}, err)
}

// The times of an election. A leader that cannot renew its lease stops leading well before
// another one may take it.
const (
	leaseDuration = 10 * time.Second
	renewDeadline = 7 * time.Second
	renewPause    = 2 * time.Second
	askPause      = time.Second
	// callTime is how long reading or writing the lease may take.
	callTime = 3 * time.Second
)

// lease is a coordination.k8s.io/v1 Lease, as far as an election is concerned.
type lease struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              leaseSpec `json:"spec"`
}

type leaseSpec struct {
	HolderIdentity       string            `json:"holderIdentity"`
	LeaseDurationSeconds int32             `json:"leaseDurationSeconds"`
	AcquireTime          *metav1.MicroTime `json:"acquireTime,omitempty"`
	RenewTime            *metav1.MicroTime `json:"renewTime,omitempty"`
	LeaseTransitions     int32             `json:"leaseTransitions"`
}

// resourceLeases is what an access rule calls leases.
const resourceLeases = "leases.coordination.k8s.io"

// candidate is one process's part in an election.
type candidate struct {
	store *Store
	datastore.Election
	// seen is the lease as it was when it last changed, and since when that has been.
	seen  *lease
	since time.Time
	// unsure is set when nobody knows whether the lease was taken.
	unsure bool
}

// Lead implements datastore.Elector with a Lease.
func (s *Store) Lead(ctx context.Context, e datastore.Election, lead func(context.Context)) error {
	c := &candidate{store: s, Election: e}
	for {
		held, err := c.tryToTake(ctx)
		e.Tell(err)
		switch {
		case held:
			return c.hold(ctx, lead)
		case err != nil && ctx.Err() == nil && !errors.Is(err, datastore.ErrUnavailable):
			return err // otherwise go on, so that it is not forgotten how old the lease is
		case !pause(ctx, askPause):
			c.withdraw(ctx)
			return ctx.Err()
		}
	}
}

// Leader implements datastore.Elector.
func (s *Store) Leader(ctx context.Context, e datastore.Election) (string, error) {
	c := &candidate{store: s, Election: e}
	found, err := c.read(ctx)
	if err != nil || found == nil {
		return "", err
	}
	renewed := found.Spec.RenewTime
	if renewed == nil || time.Since(renewed.Time) > time.Duration(found.Spec.LeaseDurationSeconds)*time.Second {
		return "", nil
	}
	return found.Spec.HolderIdentity, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *candidate) path() string {
	return "/apis/coordination.k8s.io/v1/namespaces/" + c.Namespace + "/leases"
}

func (c *candidate) failure(ctx context.Context, verb string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && callTime < c.store.timeout {
		err = datastore.ErrorOf("lead", resources.Key{}, datastore.ErrUnavailable, fmt.Sprintf("%s did not answer within %v", c.store.where(), callTime))
	} else {
		err = c.store.failure(ctx, "lead", resources.Key{}, request{verb, resourceLeases}, err)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	if verb == "create" && errors.Is(err, datastore.ErrNotFound) {
		err = fmt.Errorf("%w: there is no namespace %q; make it, or name another one with --namespace", datastore.ErrNotFound, c.Namespace)
	}
	return fmt.Errorf("%s Lease(%s/%s): %w", verb, c.Namespace, c.Name, err)
}

// read gives the lease; nil if there is none.
func (c *candidate) read(ctx context.Context) (*lease, error) {
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	body, err := c.store.do(bounded, c.store.client.Get().AbsPath(c.path(), c.Name))
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, c.failure(ctx, "get", err)
	}
	return decodeLease(body)
}

func decodeLease(body []byte) (*lease, error) {
	out := &lease{}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("%w: the Lease cannot be understood: %w", datastore.ErrInvalid, err)
	}
	return out, nil
}

// tryToTake takes the lease if it is free. Whether it has run out is told by this machine's
// clock alone, from when the lease was last seen to change.
func (c *candidate) tryToTake(ctx context.Context) (bool, error) {
	found, err := c.read(ctx)
	if err != nil {
		return false, err
	}
	c.unsure = false
	now := time.Now()
	if c.seen == nil || found == nil || c.seen.ResourceVersion != found.ResourceVersion {
		c.since = now
	}
	c.seen = found
	next := &lease{TypeMeta: metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}}
	next.Name, next.Namespace = c.Name, c.Namespace
	if found != nil {
		held := found.Spec.HolderIdentity != "" && found.Spec.HolderIdentity != c.Identity
		if held && now.Sub(c.since) < time.Duration(found.Spec.LeaseDurationSeconds)*time.Second {
			return false, nil
		}
		next.ObjectMeta = found.ObjectMeta
		next.Spec.LeaseTransitions = found.Spec.LeaseTransitions + 1
	}
	next.Spec.HolderIdentity = c.Identity
	next.Spec.AcquireTime = &metav1.MicroTime{Time: now}
	err = c.write(ctx, next)
	if errors.Is(err, datastore.ErrConflict) || errors.Is(err, datastore.ErrExists) {
		return false, nil // another one was faster
	}
	c.unsure = err != nil
	return err == nil, err
}

// write creates or updates the lease, renewed now.
func (c *candidate) write(ctx context.Context, next *lease) error {
	next.ManagedFields = nil
	next.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
	next.Spec.LeaseDurationSeconds = int32(leaseDuration / time.Second)
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	verb, r := "create", c.store.client.Post().AbsPath(c.path())
	if next.ResourceVersion != "" {
		verb, r = "update", c.store.client.Put().AbsPath(c.path(), c.Name)
	}
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := c.store.do(bounded, r.SetHeader("Content-Type", "application/json").Body(body))
	if err != nil {
		return c.failure(ctx, verb, err)
	}
	stored, err := decodeLease(answer)
	if err == nil {
		c.seen = stored
	}
	return err
}

// errLate says that the lease may be somebody else's by now.
var errLate = fmt.Errorf("%w: the lease could not be renewed in time", datastore.ErrUnavailable)

// hold runs lead and renews the lease meanwhile. Then it gives the lease back.
func (c *candidate) hold(ctx context.Context, lead func(context.Context)) error {
	leading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		c.renew(leading, stop)
	}()
	lead(leading)
	lost := datastore.IsLost(leading)
	stop(nil)
	<-renewed
	if lost {
		return context.Cause(leading)
	}
	last, cancel := lastTime(ctx)
	defer cancel()
	c.release(last)
	return ctx.Err()
}

// lastTime bounds what is done when ctx has ended.
func lastTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), askPause)
}

// withdraw gives a lease back that may have been taken when ctx ended.
func (c *candidate) withdraw(ctx context.Context) {
	if c.unsure {
		last, cancel := lastTime(ctx)
		defer cancel()
		c.giveBack(last)
	}
}

// release gives the lease back. Where that fails it runs out.
func (c *candidate) release(ctx context.Context) {
	free := *c.seen
	free.Spec.HolderIdentity = ""
	if err := c.write(ctx, &free); errors.Is(err, datastore.ErrConflict) {
		c.giveBack(ctx) // somebody else has written it, or a renewal whose answer has not come
	}
}

// giveBack gives the lease back if this process has it, whatever it was last.
func (c *candidate) giveBack(ctx context.Context) {
	if found, err := c.read(ctx); err == nil && found != nil && found.Spec.HolderIdentity == c.Identity {
		found.Spec.HolderIdentity = ""
		_ = c.write(ctx, found)
	}
}

// renew renews the lease until ctx ends, and calls lost when that has not worked in time.
func (c *candidate) renew(ctx context.Context, lost context.CancelCauseFunc) {
	good := time.Now()
	for pause(ctx, min(renewPause, time.Until(good.Add(renewDeadline)))) {
		bounded, cancel := context.WithDeadline(ctx, good.Add(renewDeadline))
		began := time.Now()
		err := c.write(bounded, c.seen)
		if errors.Is(err, datastore.ErrConflict) {
			err = c.reread(bounded, err)
		}
		cancel()
		switch {
		case err == nil:
			good = began
		case errors.Is(err, datastore.ErrConflict):
			lost(datastore.Lost(err))
			return
		}
		if time.Since(good) >= renewDeadline {
			lost(datastore.Lost(errLate))
			return
		}
	}
}

// reread reads the lease after a conflict, which is one only if another process holds it.
func (c *candidate) reread(ctx context.Context, conflict error) error {
	found, err := c.read(ctx)
	if err != nil {
		return err
	}
	if found == nil || found.Spec.HolderIdentity != c.Identity {
		return conflict
	}
	c.seen = found
	return c.write(ctx, found)
}
