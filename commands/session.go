package commands

import (
	"context"
	"errors"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// openBackend opens the datastore that c names.
func openBackend(ctx context.Context, c Config) (Backend, error) {
	store, err := local.Open(ctx, c.localPath(), local.WithSeed(func(tx datastore.Store) error { return seed(ctx, tx) }))
	if err != nil {
		return Backend{}, clientError(err)
	}
	return Backend{Store: store, RunsController: c.LocalController != v3.Disabled}, nil
}

// seed fills a new embedded datastore with what a new cluster has.
func seed(ctx context.Context, tx datastore.Store) error {
	if err := datastore.Initialize(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Create(ctx, resources.NewKubeControllersConfiguration())
	return err
}

// session is one command's use of a datastore.
type session struct {
	Backend
	deps *Deps
}

func openSession(ctx context.Context, d *Deps, g *globalOptions, configFile string) (*session, error) {
	config, err := loadConfig(d, g, configFile)
	if err != nil {
		return nil, err
	}
	backend, err := d.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	d.log.Info("opened the datastore", "type", config.DatastoreType)
	s := &session{Backend: backend, deps: d}
	if !g.allowVersionMismatch {
		s.compareVersions(ctx)
	}
	return s, nil
}

func (s *session) close() {
	if err := s.Store.Close(); err != nil {
		s.deps.log.Error("closing the datastore failed", "error", err)
	}
}

// errRollBack ends a transaction whose writes are not wanted.
var errRollBack = errors.New("nothing was written")

// change runs write and then brings automatic host endpoints in step, in one
// transaction where the datastore has them. Unless keep agrees to the outcome of write,
// nothing is kept; nil always agrees.
func (s *session) change(ctx context.Context, write func(datastore.Store) error, keep func() bool) (autohep.Result, error) {
	var automatic autohep.Result
	all := func(tx datastore.Store) error {
		recorder := &touched{Store: tx, kinds: map[*resources.Kind]bool{}}
		before, err := s.controllerConfig(ctx, tx)
		if err != nil {
			return err
		}
		if err := write(recorder); err != nil {
			return err
		}
		if s.RunsController && recorder.concernsController() {
			if automatic, err = s.control(ctx, tx, before); err != nil {
				return err
			}
		}
		if keep != nil && !keep() {
			return errRollBack
		}
		return nil
	}
	store, ok := s.Store.(datastore.Atomic)
	if !ok {
		return automatic, all(s.Store)
	}
	err := store.Atomically(ctx, all)
	if errors.Is(err, errRollBack) {
		err = nil
	}
	return automatic, err
}

// control does what the controller of a cluster would after a change. Automatic host
// endpoints are removed only by the change that switches them off: in a copy of a
// cluster's objects they are left as they came.
func (s *session) control(ctx context.Context, tx datastore.Store, before autohep.Config) (autohep.Result, error) {
	config, err := s.controllerConfig(ctx, tx)
	if err != nil || !config.AutoCreate && !before.AutoCreate {
		return autohep.Result{}, err
	}
	result, err := autohep.Reconcile(ctx, tx, config)
	for _, p := range result.Problems {
		s.deps.warn(p.Text)
	}
	return result, err
}

func (s *session) controllerConfig(ctx context.Context, tx datastore.Store) (autohep.Config, error) {
	if !s.RunsController {
		return autohep.Config{}, nil
	}
	o, err := tx.Get(ctx, resources.KubeControllersConfiguration.Key(v3.DefaultName))
	if errors.Is(err, datastore.ErrNotFound) {
		return autohep.Config{}, nil
	}
	if err != nil {
		return autohep.Config{}, err
	}
	return autohep.ConfigFrom(o.(*v3.KubeControllersConfiguration)), nil
}

// touched is a Store that remembers which kinds were written.
type touched struct {
	datastore.Store
	kinds map[*resources.Kind]bool
}

func (t *touched) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	t.note(o)
	return t.Store.Create(ctx, o)
}

func (t *touched) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	t.note(o)
	return t.Store.Update(ctx, o)
}

func (t *touched) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	t.kinds[key.Kind] = true
	return t.Store.Delete(ctx, key, resourceVersion)
}

func (t *touched) note(o resources.Object) {
	if key, ok := resources.KeyOf(o); ok {
		t.kinds[key.Kind] = true
	}
}

func (t *touched) concernsController() bool {
	return t.kinds[resources.Node] || t.kinds[resources.HostEndpoint] || t.kinds[resources.KubeControllersConfiguration]
}
