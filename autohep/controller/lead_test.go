package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// stuck is a datastore whose writes take until they are cut off.
type stuck struct {
	datastore.Store
	began chan struct{}
}

func (s stuck) Create(ctx context.Context, _ resources.Object) (resources.Object, error) {
	close(s.began)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestEndOfLead cuts writes off at once when the lead is lost or there is a hurry, and gives them some time when the process
// is to stop.
func TestEndOfLead(t *testing.T) {
	for name, test := range map[string]struct {
		why   error
		hurry bool
		want  time.Duration
	}{
		"lost": {why: datastore.Lost(datastore.ErrUnavailable)}, "stopped": {want: drainTime}, "hurried": {hurry: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := stuck{openLocal(t), make(chan struct{})}
				c := newForTest(t, s, time.Now)
				hurry := make(chan struct{})
				c.Hurry = hurry
				c.state.putNode(testNode("n"), time.Now())
				c.asFor(onlyDefault)
				ctx, end := context.WithCancelCause(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.lead(ctx)
				}()
				<-s.began
				began := time.Now()
				end(test.why)
				if test.hurry {
					close(hurry)
				}
				<-done
				if took := time.Since(began); took != test.want {
					t.Errorf("writes go on for %v", took)
				}
			})
		})
	}
}
