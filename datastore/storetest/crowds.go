package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

var crowds = []test{
	{"NoUpdateIsLost", noUpdateIsLost},
	{"OneCreateWins", oneCreateWins},
	{"OneUpdateWins", oneUpdateWins},
	{"WatchHasNoGaps", watchHasNoGaps},
}

const writers = 32

func noUpdateIsLost(f *fixture) {
	start := f.set("a")
	start.Labels = map[string]string{"count": "0"}
	f.create(f.store, start)
	var group errgroup.Group
	for range writers {
		group.Go(func() error {
			for {
				if err := f.increment(f.store, f.key("a")); !errors.Is(err, datastore.ErrConflict) {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		f.Fatal(err)
	}
	f.same("count", strconv.Itoa(writers), f.get(f.store, f.key("a")).GetLabels()["count"])
}

// increment adds one to the label count, if nobody else does in between.
func (f *fixture) increment(s datastore.Store, key resources.Key) error {
	o, err := s.Get(f.ctx, key)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(o.GetLabels()["count"])
	if err != nil {
		return err
	}
	o.SetLabels(map[string]string{"count": strconv.Itoa(count + 1)})
	_, err = s.Update(f.ctx, o)
	return err
}

// race runs f in many goroutines at once and counts how often it gives each error.
func race(f func(i int) error) (won int, lost []error) {
	var group sync.WaitGroup
	results := make([]error, writers)
	for i := range results {
		group.Go(func() { results[i] = f(i) })
	}
	group.Wait()
	for _, err := range results {
		if err == nil {
			won++
		} else {
			lost = append(lost, err)
		}
	}
	return won, lost
}

func oneCreateWins(f *fixture) {
	won, lost := race(func(int) error {
		_, err := f.store.Create(f.ctx, f.set("a"))
		return err
	})
	f.same("creations", 1, won)
	for _, err := range lost {
		f.fails("Create", err, datastore.ErrExists, f.key("a"))
	}
}

func oneUpdateWins(f *fixture) {
	created := f.create(f.store, f.set("a"))
	won, lost := race(func(i int) error {
		o := copyOf(created)
		o.SetLabels(map[string]string{"writer": strconv.Itoa(i)})
		_, err := f.store.Update(f.ctx, o)
		return err
	})
	f.same("updates", 1, won)
	for _, err := range lost {
		f.fails("Update", err, datastore.ErrConflict, f.key("a"))
	}
}

func watchHasNoGaps(f *fixture) {
	const each = 8
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			o, err := f.store.Create(f.ctx, f.set(fmt.Sprint("w", i)))
			for n := 1; n < each && err == nil; n++ {
				o.SetLabels(map[string]string{"n": strconv.Itoa(n)})
				o, err = f.store.Update(f.ctx, o)
			}
			return err
		})
	}
	want := map[string]int{}
	got := map[string]int{}
	for i := range writers {
		want[f.prefix+fmt.Sprint("w", i)] = each
	}
	for range writers * each {
		e := f.next(w)
		name := e.Object.GetName()
		if n := e.Object.GetLabels()["n"]; got[name] > 0 && n != strconv.Itoa(got[name]) {
			f.Errorf("event %d of %s is about change %s", got[name], name, n)
		}
		got[name]++
	}
	f.same("events of each object", want, got)
	if err := group.Wait(); err != nil {
		f.Fatal(err)
	}
}
