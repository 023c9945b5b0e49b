package controller

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/datastore"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// status is what the configuration's status is to say in a store. A server that keeps it apart fills in a port where
// none is given, so there the one that is in use is given.
func (s Settings) status(store datastore.Store) v3.KubeControllersConfigurationStatus {
	running := s.Running
	if _, apart := store.(datastore.StatusWriter); apart {
		running.PrometheusMetricsPort = &s.MetricsPort
	}
	return v3.KubeControllersConfigurationStatus{RunningConfig: &running, EnvironmentVars: s.Vars}
}

// sameStatus tells whether a stored status says what it is to say. A server may have filled in
// defaults where it says nothing.
func sameStatus(stored, wanted v3.KubeControllersConfigurationStatus) bool {
	if stored.RunningConfig == nil {
		return false
	}
	filled := wanted.DeepCopy()
	have, want := stored.RunningConfig, filled.RunningConfig
	if here, there := want.Controllers.Node, have.Controllers.Node; here != nil && there != nil && here.LeakGracePeriod == nil {
		here.LeakGracePeriod = there.LeakGracePeriod
	}
	if here, there := want.Controllers.LoadBalancer, have.Controllers.LoadBalancer; here != nil && there != nil && here.AssignIPs == "" {
		here.AssignIPs = there.AssignIPs
	}
	return equality.Semantic.DeepEqual(stored, *filled)
}

// told is the status that this process has written last, as it wanted it and as it was stored then.
type told struct {
	wanted, stored v3.KubeControllersConfigurationStatus
}

// writeStatus has the status say what runs, whoever has written something else there. Where another controller
// keeps doing that, it is written from time to time alone, and the error is errContested meanwhile.
func (c *Controller) writeStatus(ctx context.Context, kcc *v3.KubeControllersConfiguration) error {
	status := c.settings.Load().status(c.Store)
	same := equality.Semantic.DeepEqual
	if sameStatus(kcc.Status, status) || same(c.told.wanted, status) && same(c.told.stored, kcc.Status) {
		return nil
	}
	if _, apart := c.Store.(datastore.StatusWriter); !apart && len(c.health.remarked()) > 0 {
		return nil // what cannot be understood would be lost
	}
	if err := c.statusBrake.take(kcc.Name, c.Now()); err != nil {
		return err
	}
	next := kcc.DeepCopy()
	next.Status = status
	stored, err := datastore.UpdateStatus(ctx, c.Store, next)
	switch {
	case errors.Is(err, datastore.ErrConflict), errors.Is(err, datastore.ErrNotFound):
		return nil // the watch will tell
	case err != nil:
		return fmt.Errorf("write the status of the configuration: %w", err)
	}
	if stored, ok := stored.(*v3.KubeControllersConfiguration); ok {
		c.told = told{wanted: status, stored: stored.Status}
	}
	return nil
}
