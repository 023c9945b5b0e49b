package commands

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/resources"
)

// A datastore that is away is asked again this often, waiting twice as long each time.
const (
	firstWait = 200 * time.Millisecond
	longWait  = 10 * time.Second
)

// told is what a watch has to say: changes, or a warning.
type told struct {
	events  []output.Event
	warning string
}

// watchedKind follows the objects of one kind.
type watchedKind struct {
	session *session
	kind    *resources.Kind
	// wanted tells whether an object is to be shown, as far as it concerns the user.
	wanted func(resources.Object) bool
	// shown are the objects that the user has been told of, by name.
	shown map[string]resources.Object
	// seen is the revision up to which that is so.
	seen string
}

// watchKeys shows what keys name, and then every change of it until ctx ends. An embedded datastore that is not
// there yet is created: otherwise there would be nothing to watch.
func watchKeys(ctx context.Context, o *getOptions, keys []resources.Key, matches func(map[string]string) bool) error {
	print, err := output.NewStream(o.output)
	if err != nil {
		return err
	}
	s, err := openSession(ctx, o.deps, o.global, o.config, writing)
	if err != nil {
		return err
	}
	defer s.close()
	show := func(events []output.Event) error {
		if o.export {
			for i := range events {
				events[i].Object = events[i].Object.DeepCopyObject().(resources.Object)
				forExport([]output.Result{{Kind: events[i].Kind, Object: events[i].Object}})
			}
		}
		return o.deps.showEvents(print, events)
	}
	watched, events, err := s.watchedKinds(ctx, keys, matches)
	if err != nil {
		return err
	}
	if !o.watchOnly {
		if err := show(events); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	changes := make(chan told)
	for _, w := range watched {
		go func() { stop(w.follow(ctx, changes)) }()
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case news := <-changes:
			if news.warning != "" {
				o.deps.warn(news.warning)
			}
			if err := show(news.events); err != nil {
				return err
			}
		}
	}
}

// watchedKinds lists the kinds of keys once; a name that is missing is told, and may come later.
func (s *session) watchedKinds(ctx context.Context, keys []resources.Key, matches func(map[string]string) bool) (watched []*watchedKind, events []output.Event, err error) {
	names := map[*resources.Kind][]string{}
	var kinds []*resources.Kind
	for _, key := range keys {
		if _, ok := names[key.Kind]; !ok {
			kinds = append(kinds, key.Kind)
		}
		names[key.Kind] = append(names[key.Kind], key.Name)
	}
	for _, kind := range kinds {
		w := &watchedKind{session: s, kind: kind, shown: map[string]resources.Object{}}
		w.wanted = func(o resources.Object) bool {
			own := names[kind]
			return (slices.Contains(own, "") || slices.Contains(own, o.GetName())) && matches(o.GetLabels())
		}
		changes, err := w.list(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names[kind] {
			if _, ok := w.shown[name]; name != "" && !ok {
				s.deps.warn(datastore.ErrorOf("get", kind.Key(name), datastore.ErrNotFound, "it is shown when it comes").Error())
			}
		}
		watched, events = append(watched, w), append(events, changes...)
	}
	return watched, events, nil
}

// list reads the kind and gives what is different from what has been shown.
func (w *watchedKind) list(ctx context.Context) ([]output.Event, error) {
	list, err := w.session.Store.List(ctx, w.kind)
	if err != nil {
		return nil, err
	}
	var events []output.Event
	there := map[string]bool{}
	for _, o := range list.Items {
		there[o.GetName()] = true
		events = append(events, w.change(datastore.Put, o)...)
	}
	for name, o := range w.shown {
		if !there[name] {
			events = append(events, w.change(datastore.Gone, o)...)
		}
	}
	w.seen = list.ResourceVersion
	return events, nil
}

// change is what a change of an object means for the user: nothing, or one event.
func (w *watchedKind) change(what datastore.EventType, o resources.Object) []output.Event {
	event := output.Event{Type: output.Added, Kind: w.kind, Object: o}
	before, shown := w.shown[o.GetName()]
	switch wanted := what == datastore.Put && w.wanted(o); {
	case !shown && !wanted, shown && wanted && equality.Semantic.DeepEqual(before, o):
		return nil
	case !wanted:
		event.Type = output.Deleted
		delete(w.shown, o.GetName())
		return []output.Event{event}
	case shown:
		event.Type = output.Modified
	}
	w.shown[o.GetName()] = o
	return []output.Event{event}
}

// follow sends changes until ctx ends or something is wrong that does not pass by itself.
func (w *watchedKind) follow(ctx context.Context, changes chan<- told) error {
	wait := firstWait
	for {
		before := w.seen
		err := w.watch(ctx, changes)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, datastore.ErrCompacted):
			var events []output.Event
			if events, err = w.list(ctx); err == nil {
				send(ctx, changes, told{events: events})
				continue
			}
			if !errors.Is(err, datastore.ErrUnavailable) {
				return err
			}
		case !errors.Is(err, datastore.ErrUnavailable):
			return err
		}
		if w.seen != before {
			wait = firstWait
		}
		if wait == firstWait {
			send(ctx, changes, told{warning: err.Error() + "; waiting for it to come back"})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, longWait)
	}
}

// watch sends changes until the watch ends.
func (w *watchedKind) watch(ctx context.Context, changes chan<- told) error {
	watcher, err := w.session.Store.Watch(ctx, w.kind, w.seen)
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Close() }()
	for {
		e, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		if events := w.change(e.Type, e.Object); len(events) > 0 {
			send(ctx, changes, told{events: events})
		}
		w.seen = e.Object.GetResourceVersion()
	}
}

func send(ctx context.Context, changes chan<- told, news told) {
	select {
	case changes <- news:
	case <-ctx.Done():
	}
}
