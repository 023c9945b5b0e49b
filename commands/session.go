package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/etcd"
	"github.com/edfb3db0/calicoctl/datastore/kubernetes"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/policytest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// access says what a command is going to do with a datastore.
type access int

const (
	// reading creates nothing: a datastore that is not there yet is like a new one.
	reading access = iota
	writing
)

// clusterTypeKubernetes is what a new datastore in the Kubernetes API says of its cluster.
const clusterTypeKubernetes = "kdd"

// openBackend opens the datastore that c names.
func openBackend(ctx context.Context, c Config, a access) (Backend, error) {
	var b Backend
	var err error
	switch c.DatastoreType {
	case datastoreKubernetes:
		b.ClusterType = clusterTypeKubernetes
		b.Store, err = kubernetes.Open(ctx, kubernetes.Config{
			Kubeconfig: c.Kubeconfig, Inline: c.KubeconfigInline, Context: c.K8sCurrentContext,
			Endpoint: c.K8sAPIEndpoint, KeyFile: c.K8sKeyFile, CertFile: c.K8sCertFile, CAFile: c.K8sCAFile,
			Token: c.K8sAPIToken, Insecure: c.K8sInsecureSkipTLSVerify,
			QPS: c.K8sClientQPS, Burst: c.K8sClientBurst, Concurrency: c.K8sClientConcurrency, APIGroup: c.CalicoAPIGroup,
			UsePodCIDR: c.UsePodCIDR, Timeout: c.requestTimeout,
		})
	case datastoreEtcd:
		b.Store, err = etcd.Open(ctx, etcd.Config{
			Endpoints: c.EtcdEndpoints, DiscoverySRV: c.EtcdDiscoverySrv, Username: c.EtcdUsername, Password: c.EtcdPassword,
			KeyFile: c.EtcdKeyFile, CertFile: c.EtcdCertFile, CAFile: c.EtcdCACertFile,
			Key: c.EtcdKey, Cert: c.EtcdCert, CA: c.EtcdCACert,
			CipherSuites: os.Getenv("TLS_CIPHER_SUITES"), MinTLSVersion: os.Getenv("TLS_MIN_VERSION"),
			Timeout: c.requestTimeout,
		})
	default:
		b.RunsController = c.LocalController != v3.Disabled
		b.Store, err = openLocal(ctx, c, a)
	}
	if err != nil && strings.Contains(err.Error(), "no configuration has been provided") {
		err = fmt.Errorf("%w; for the embedded datastore, set DATASTORE_TYPE=%s", err, datastoreLocal)
	}
	if err != nil {
		return Backend{}, clientError(err)
	}
	return b, nil
}

func openLocal(ctx context.Context, c Config, a access) (datastore.Store, error) {
	if _, err := os.UserHomeDir(); err != nil && c.LocalPath == "" && os.Getenv("XDG_DATA_HOME") == "" {
		return nil, fmt.Errorf("there is no place for the datastore (%w); name its file with CALICO_LOCAL_PATH", err)
	}
	withSeed := local.WithSeed(func(tx datastore.Store) error { return seed(ctx, tx) })
	if _, err := os.Lstat(c.localPath()); a == reading && errors.Is(err, fs.ErrNotExist) {
		return local.OpenMemory(ctx, withSeed)
	}
	return local.Open(ctx, c.localPath(), withSeed)
}

// seed fills a new embedded datastore with what a new cluster has.
func seed(ctx context.Context, tx datastore.Store) error {
	if err := datastore.Initialize(ctx, tx, ""); err != nil {
		return err
	}
	_, err := tx.Create(ctx, resources.NewKubeControllersConfiguration())
	return err
}

// session is one command's use of a datastore.
type session struct {
	Backend
	deps  *Deps
	guard *guard
	// tests have to pass before anything is written.
	tests []policytest.Test
	// trying is set while a write is only tried.
	trying bool
	// known gives what the trial has read; nil if there was none.
	known datastore.Known
	// notes are warnings about what a change came to, for the time when it is kept.
	notes []string
}

func openSession(ctx context.Context, d *Deps, g *globalOptions, configFile string, a access) (*session, error) {
	config, err := loadConfig(d, g, configFile)
	if err != nil {
		return nil, err
	}
	return openConfigured(ctx, d, g, config, a)
}

func openConfigured(ctx context.Context, d *Deps, g *globalOptions, config Config, a access) (*session, error) {
	backend, err := d.Open(ctx, config, a)
	if err != nil {
		return nil, err
	}
	d.log.Info("opened the datastore", "type", config.DatastoreType)
	s := &session{Backend: backend, deps: d, guard: &guard{mode: guardOff}}
	if g.allowVersionMismatch {
		return s, nil
	}
	if err := s.compareVersions(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close ends the session and says what there is to say about it.
func (s *session) close() {
	for _, note := range s.notes {
		s.deps.warn(note)
	}
	if err := s.Store.Close(); err != nil {
		s.deps.log.Error("closing the datastore failed", "error", err)
	}
}

// openGuarded opens a session for a command whose writes are guarded.
func openGuarded(ctx context.Context, d *Deps, g *globalOptions, store *storeFlags, f guardFlags, a access) (*session, error) {
	config, err := store.configuration(d, g)
	if err != nil {
		return nil, err
	}
	watching, err := f.guard(d, config)
	if err != nil {
		return nil, err
	}
	s, err := openConfigured(ctx, d, g, config, a)
	if err != nil {
		return nil, err
	}
	if server, ok := s.Store.(interface{ Endpoints() []string }); ok {
		watching.endpoints = server.Endpoints()
	}
	s.guard = watching
	return s, nil
}

// list gives the objects of a kind, as the trial has read them if there was one. They must not be changed.
func (s *session) list(ctx context.Context, store datastore.Store, kind *resources.Kind) ([]resources.Object, error) {
	if s.known != nil {
		if objects, ok := s.known(kind); ok {
			slices.SortFunc(objects, kind.Compare)
			return objects, nil
		}
	}
	list, err := store.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// controlled tells whether automatic host endpoints follow what is written: here, or in the cluster around the datastore.
func (s *session) controlled() bool {
	_, embedded := s.Store.(datastore.Atomic)
	return s.RunsController || !embedded
}

// progress is that of Deps, and nothing while a write is only tried.
func (s *session) progress(total int) (step, done func()) {
	if s.trying {
		return func() {}, func() {}
	}
	return s.deps.progress(total)
}

// errRollBack ends a transaction whose writes are not wanted.
var errRollBack = errors.New("nothing was written")

// attempt is what a command writes.
type attempt struct {
	// write may be called several times, first with a Store that keeps nothing.
	write func(datastore.Store) error
	// results is where write leaves what came of each object.
	results *[]datastore.Result
	// keep agrees to the outcome of write; nil always agrees.
	keep func() bool
	// dryRun keeps nothing, whatever the outcome.
	dryRun bool
}

func (a attempt) kept() bool { return a.keep == nil || a.keep() }

// change lets the guard look at an attempt and then makes it. Where the datastore has transactions that is one, and
// automatic host endpoints are brought in step in it; what is not to be kept is undone. Elsewhere a controller does
// that, and write itself heeds what keep and dryRun stand for.
func (s *session) change(ctx context.Context, a attempt) (automatic autohep.Result, err error) {
	store, ok := s.Store.(datastore.Atomic)
	if !ok {
		if err := s.examine(ctx, s.Store, a); err != nil {
			return automatic, err
		}
		return automatic, a.write(s.Store)
	}
	err = store.Atomically(ctx, func(tx datastore.Store) error {
		if err := s.examine(ctx, tx, a); err != nil {
			return err
		}
		automatic, err = s.writeAndControl(ctx, tx, a.write)
		if err == nil && (a.dryRun || !a.kept()) {
			return errRollBack
		}
		return err
	})
	if err != nil {
		s.notes = nil
	}
	if errors.Is(err, errRollBack) {
		err = nil
	}
	return automatic, err
}

// examine holds an attempt against the tests, and lets the guard look at it.
func (s *session) examine(ctx context.Context, store datastore.Store, a attempt) error {
	defer func() { *a.results = nil }() // of what was only tried
	if err := s.checkTests(ctx, store, a); err != nil {
		return err
	}
	return s.guard.check(ctx, s, store, a)
}

// writeAndControl runs write and does what a controller would do then.
func (s *session) writeAndControl(ctx context.Context, tx datastore.Store, write func(datastore.Store) error) (automatic autohep.Result, err error) {
	if !s.RunsController {
		return automatic, write(tx)
	}
	before, _, err := controllerConfig(ctx, tx)
	if err != nil {
		return automatic, err
	}
	written := newRecorder(tx)
	if err := write(written); err != nil || !written.concernsController() {
		return automatic, err
	}
	controlled := newRecorder(tx)
	automatic, err = s.control(ctx, controlled, before)
	s.noteUndone(written, controlled)
	return automatic, err
}

// cutShort adds to the error that ended a command how far it came: where there are no transactions, what was
// written stays. It gives how many objects are known to be done.
func (s *session) cutShort(results []datastore.Result, err error) (done int, whole error) {
	_, atomic := s.Store.(datastore.Atomic)
	_, before := errors.AsType[*datastore.NotBegunError](err)
	switch {
	case errors.As(err, new(answerNo)), errors.Is(err, errBlind), errors.Is(err, datastore.ErrUnsupported):
		return 0, err // which says it
	}
	text := "nothing was written"
	if !atomic && !before && len(results) > 0 {
		done = len(results) - len(datastore.Failed(results))
		text = fmt.Sprintf("%d of %s were done before that, and others that were under way may be done too; "+
			"run the command again: what is in place already is left as it is", done, count(len(results), "object"))
	}
	if errors.Is(err, context.Canceled) {
		s.deps.say(text) // for an interrupted command says no more than that
		return done, err
	}
	return done, fmt.Errorf("%w\n%s", err, text)
}

// control does what the controller of a cluster would after a change. Automatic host
// endpoints are removed only by the change that switches them off: in a copy of a
// cluster's objects they are left as they came.
func (s *session) control(ctx context.Context, tx datastore.Store, before autohep.Config) (autohep.Result, error) {
	config, found, err := controllerConfig(ctx, tx)
	if err == nil && !found {
		_, err = tx.Create(ctx, resources.NewKubeControllersConfiguration()) // switched off, as config is
	}
	if err != nil || !config.AutoCreate && !before.AutoCreate {
		return autohep.Result{}, err
	}
	result, err := autohep.Reconcile(ctx, tx, config)
	for _, p := range result.Problems {
		s.notes = append(s.notes, p.Text)
	}
	switch {
	case result.Deleted > 0 && !config.AutoCreate:
		s.notes = append(s.notes, fmt.Sprintf("automatic host endpoints are switched off: %d deleted", result.Deleted))
	case result.Deleted > 0:
		s.notes = append(s.notes, fmt.Sprintf("automatic host endpoints that no node or template here calls for: %d deleted; "+
			"CALICO_LOCAL_CONTROLLER=Disabled keeps those of a copy of a cluster's objects", result.Deleted))
	}
	return result, err
}

// noteUndone says which changes by hand the controller has replaced at once.
func (s *session) noteUndone(written, controlled *recorder) {
	var undone []string
	for name := range written.endpoints {
		if controlled.endpoints[name] {
			undone = append(undone, name)
		}
	}
	if len(undone) == 0 {
		return
	}
	who := resources.HostEndpoint.Key(slices.Min(undone)).String()
	if len(undone) > 1 {
		who += fmt.Sprintf(" and %d more", len(undone)-1)
	}
	s.notes = append(s.notes, who+": this change to an automatic host endpoint is undone, since it follows its node; "+
		"change the node instead, or set CALICO_LOCAL_CONTROLLER=Disabled to work on a copy of a cluster's objects")
}

// controllerConfig is what the controller is asked to do: nothing if no object says so.
func controllerConfig(ctx context.Context, tx datastore.Store) (config autohep.Config, found bool, err error) {
	o, err := tx.Get(ctx, resources.KubeControllersConfiguration.Key(v3.DefaultName))
	if errors.Is(err, datastore.ErrNotFound) {
		return autohep.Config{}, false, nil
	}
	if err != nil {
		return autohep.Config{}, false, err
	}
	return autohep.ConfigFrom(o.(*v3.KubeControllersConfiguration)), true, nil
}

// recorder is a Store that remembers what was written.
type recorder struct {
	datastore.Store
	kinds map[*resources.Kind]bool
	// endpoints are the names of host endpoints.
	endpoints map[string]bool
}

func newRecorder(s datastore.Store) *recorder {
	return &recorder{Store: s, kinds: map[*resources.Kind]bool{}, endpoints: map[string]bool{}}
}

func (r *recorder) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	out, err := r.Store.Create(ctx, o)
	return out, r.note(o, err)
}

func (r *recorder) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	out, err := r.Store.Update(ctx, o)
	return out, r.note(o, err)
}

func (r *recorder) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	return r.noteKey(key, r.Store.Delete(ctx, key, resourceVersion))
}

func (r *recorder) note(o resources.Object, err error) error {
	key, _ := resources.KeyOf(o)
	return r.noteKey(key, err)
}

func (r *recorder) noteKey(key resources.Key, err error) error {
	if err == nil {
		r.kinds[key.Kind] = true
		if key.Kind == resources.HostEndpoint {
			r.endpoints[key.Name] = true
		}
	}
	return err
}

func (r *recorder) concernsController() bool {
	return r.kinds[resources.Node] || r.kinds[resources.HostEndpoint] || r.kinds[resources.KubeControllersConfiguration]
}
