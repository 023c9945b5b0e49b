package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestNobodyElse has automatic endpoints switched off and on again, nodes leave and come back, and labels change, as fast
// as they can: what the controller does then is never taken for the work of somebody else.
func TestNobodyElse(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.configure(t, enabled())
			for i := range 20 {
				b.addNode(t, kubeNode(fmt.Sprintf("alone-%d", i), i))
			}
			r := start(t, controller.Options{Store: b.store, Workers: 8})
			awaitInStep(t, b.store, environment(t, nil))
			off := enabled()
			off.Controllers.Node.HostEndpoint.AutoCreate = v3.Disabled
			for i := range 12 {
				node := fmt.Sprintf("alone-%d", i)
				b.configure(t, off)
				time.Sleep(time.Duration(i%4) * 5 * time.Millisecond)
				b.configure(t, enabled())
				b.patchNode(t, node, "", fmt.Appendf(nil, `{"metadata": {"labels": {"round": "r%d"}}}`, i))
				b.deleteNode(t, node)
				time.Sleep(time.Duration(i%3) * 3 * time.Millisecond)
				b.addNode(t, kubeNode(node, i))
			}
			awaitInStep(t, b.store, environment(t, nil))
			if strings.Contains(r.log.String(), "msg=repaired") {
				t.Error("the controller takes its own work for that of somebody else")
			}
		})
	}
}
