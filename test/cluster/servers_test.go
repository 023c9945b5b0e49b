package cluster

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

var servers Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// TestServers starts what other packages rely on, and has it lose nothing when it is
// killed and started again.
func TestServers(t *testing.T) {
	api := servers.APIServer(t)
	const tier = "/apis/projectcalico.org/v3/tiers"
	api.CreateYAML(t, tier, "{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: kept}, spec: {order: 10}}")
	api.Kill()
	api.etcd.Kill()
	api.etcd.Restart(t)
	api.Restart(t)
	if got := string(api.Do(t, http.MethodGet, tier+"/kept", nil)); !strings.Contains(got, `"order":10`) {
		t.Errorf("the object is %s", got)
	}
}
