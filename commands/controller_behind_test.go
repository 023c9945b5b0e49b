package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// meanwhile is a datastore in which something happens after the nodes have been read once.
type meanwhile struct {
	led
	reads int
	then  func()
}

func (m *meanwhile) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	list, err := m.led.List(ctx, kind)
	if kind == resources.Node {
		if m.reads++; m.reads == 1 {
			m.then()
		}
	}
	return list, err
}

// TestStatusOfContest has an endpoint not be in step although a controller works: if that is still so a moment later, it is a
// problem of its node.
func TestStatusOfContest(t *testing.T) {
	on := map[string]string{"AUTO_HOST_ENDPOINTS": "enabled"}
	for name, test := range map[string]struct {
		leader   string
		repaired bool
		reads    int
		problem  bool
	}{
		"contested":     {"c1", false, 2, true},
		"being brought": {"c1", true, 2, false},
		"nobody works":  {"", false, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &meanwhile{led: newLed(t, test.leader, on)}
			s.then = func() {
				if !test.repaired {
					return
				}
				h := resources.HostEndpoint.New().(*v3.HostEndpoint)
				h.Name, h.Labels = "n-auto-hep", map[string]string{v3.LabelCreatedBy: v3.CreatedByController}
				h.Spec = v3.HostEndpointSpec{
					Node: "n", InterfaceName: v3.AllInterfaces, ExpectedIPs: []string{"10.0.0.1"}, Profiles: []string{v3.ProfileDefaultAllow},
				}
				if _, err := s.Create(t.Context(), h); err != nil {
					t.Error(err)
				}
			}
			c := &controllerCall{vars: on, open: func(context.Context) (datastore.Store, error) { return s, nil }}
			log := c.run(t.Context(), "status", "-o", "json")
			var got controllerStatus
			if err := json.Unmarshal(c.out.text.Bytes(), &got); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			const about = `Node "n": its host endpoint "n-auto-hep" has not been in step for 1s, though controller "c1" works.`
			problems := got.Nodes[0].Problems
			told := len(problems) == 1 && strings.HasPrefix(problems[0], about)
			if told != test.problem || len(problems) > 1 {
				t.Errorf("problems: %q", problems)
			}
			want := fmt.Sprint(test.repaired, test.reads)
			if diff := cmp.Diff(want, fmt.Sprint(got.InStep, s.reads)); diff != "" {
				t.Errorf("in step, and read: %s", diff)
			}
		})
	}
}
