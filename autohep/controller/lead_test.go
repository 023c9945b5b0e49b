package controller

import (
	"context"
	"testing"
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

// TestLostLead cuts writes off at once when the lead is lost, and gives them some time when the
// process is to stop.
func TestLostLead(t *testing.T) {
	for name, lost := range map[string]bool{"lost": true, "stopped": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stuck{openLocal(t), make(chan struct{})}
			c := newForTest(t, s, time.Now)
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
			if lost {
				end(datastore.Lost(datastore.ErrUnavailable))
			} else {
				end(nil)
			}
			<-done
			if took := time.Since(began); lost != (took < drainTime/2) || took > 2*drainTime {
				t.Errorf("writes go on for %v", took)
			}
		})
	}
}
