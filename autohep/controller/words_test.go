package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// wordsSpec asks for endpoints, and has words and numbers that mean nothing.
const wordsSpec = `{"healthChecks": "maybe", "logSeverityScreen": "loud", "prometheusMetricsPort": 70000,
"controllers": {"node": {"reconcilerPeriod": "-3s", "hostEndpoint": {"autoCreate": "Enabled"}}}}`

// wordsProblems are what is said of them.
var wordsProblems = []string{
	`reconcilerPeriod is -3s, which is less than 1s: 1s is taken for it. Correct it or remove it.`,
	`prometheusMetricsPort is 70000, which is not between 0 and 65535: 9094 is taken for it. Correct it or remove it.`,
	`healthChecks is "maybe", which is neither Enabled nor Disabled: Enabled is taken for it. Correct it or remove it.`,
	`logSeverityScreen is "loud", which is none of None, Debug, Info, Warning, Error, Fatal, Panic: Info is taken for it. Correct it or remove it.`,
}

// TestWordsAreTold starts a controller where words and numbers mean nothing: it works, the log says each once, however many
// passes are made, and /readyz and the status say them as long as they are there. What is stored stays.
func TestWordsAreTold(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	put := func(spec string) { t.Helper(); putConfiguration(t, client, spec) }
	b := newBackend(t, openEtcd(t, e), nil)
	b.addNode(t, kubeNode("n", 1))
	put(wordsSpec)
	r, ready := startWithHealth(t, openEtcd(t, e))
	want := "working, but of the configuration, " + strings.Join(wordsProblems, " ") + "\n"
	await(t, "/readyz does not tell of the words", func() bool { return ready() == want })
	await(t, "the node is not protected", func() bool { return len(b.endpoints(t)) == 1 })
	await(t, "there are no passes", func() bool { return strings.Count(r.log.String(), "looked at everything") >= 2 })
	for _, text := range wordsProblems {
		if n := strings.Count(r.log.String(), fmt.Sprintf("problem=%q", text)); n != 1 {
			t.Errorf("the log says %d times: %s", n, text)
		}
	}
	read, err := controller.Read(t.Context(), openEtcd(t, e), environment(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range read.Problems {
		got = append(got, strings.TrimPrefix(p.Text, "KubeControllersConfiguration(default): "))
	}
	if diff := cmp.Diff(len(wordsProblems), len(got)); diff != "" || !strings.Contains(strings.Join(got, " "), wordsProblems[0]) {
		t.Errorf("problems: %s", got)
	}
	await(t, "the status is not written", func() bool { return b.statusOf(t).RunningConfig != nil })
	answer, err := client.Get(t.Context(), configurationPath)
	if err != nil || !strings.Contains(string(answer.Kvs[0].Value), "loud") {
		t.Errorf("what means nothing has been removed: %v %v", answer, err)
	}
	put(`{"prometheusMetricsPort": 0, "controllers": {"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}`)
	await(t, "/readyz does not tell that it is over", func() bool { return ready() == "working\n" })
}

// TestUnknownAutoCreateIsLoggedOnce has a controller wait for a word to be corrected: the log says it once, and again when it
// is another word, and not with each try to read it.
func TestUnknownAutoCreateIsLoggedOnce(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	put := func(word string) {
		t.Helper()
		putConfiguration(t, client, fmt.Sprintf(`{"prometheusMetricsPort":0,"controllers":{"node":{"hostEndpoint":{"autoCreate":%q}}}}`, word))
	}
	put("perhaps")
	r, ready := startWithHealth(t, openEtcd(t, e))
	warnings := func(word string) (n int) {
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "level=WARN") && strings.Contains(line, word) {
				n++
			}
		}
		return n
	}
	tries := func() int { return strings.Count(r.log.String(), "the list cannot be read") }
	await(t, "it is not read again", func() bool { return tries() >= 3 })
	if got, want := ready(), `the configuration cannot be understood: spec.controllers.node.hostEndpoint.autoCreate is "perhaps", `+
		"which is neither Enabled nor Disabled; the controller waits until it is corrected\n"; got != want {
		t.Errorf("/readyz answers %q, want %q", got, want)
	}
	before := tries()
	put("possibly")
	await(t, "it is not read again", func() bool { return tries() >= before+3 })
	if diff := cmp.Diff([]int{1, 1}, []int{warnings("perhaps"), warnings("possibly")}); diff != "" {
		t.Errorf("warnings: %s", diff)
	}
	put("Enabled")
	await(t, "/readyz does not tell that it is over", func() bool { return ready() == "working\n" })
	put("certainly")
	await(t, "/readyz does not tell what holds", func() bool {
		return strings.HasPrefix(ready(), "working, but the configuration ") && strings.HasSuffix(ready(), "; what was read last holds\n")
	})
	if !strings.Contains(r.log.String(), `instead="what was read last holds"`) {
		t.Error("the log does not tell what holds")
	}
}

// TestTemplatesAreTold has mistakes in templates told in /readyz and in events of the configuration, once in the log, and not
// any more when they are corrected.
func TestTemplatesAreTold(t *testing.T) {
	b := backends()["kubernetes-v1"](t)
	good := v3.Template{GenerateName: "good", InterfaceCIDRs: []string{"10.0.0.0/8"}}
	b.configure(t, enabled(
		v3.Template{GenerateName: "selector", InterfaceCIDRs: []string{"10.0.0.0/8"}, NodeSelector: "has("},
		v3.Template{GenerateName: "pattern", InterfacePattern: "eth["},
		v3.Template{GenerateName: "network", InterfaceCIDRs: []string{"10.0.0.0/99"}}, good,
	))
	r, ready := startWithHealth(t, b.store)
	abouts := []string{
		`Template "network": interfaceCIDRs[0] is "10.0.0.0/99", which is neither`,
		`Template "pattern": interfacePattern "eth["`,
		`Template "selector": nodeSelector "has(" does not parse`,
	}
	for _, about := range abouts {
		await(t, "/readyz does not tell of "+about, func() bool {
			text := ready()
			return strings.HasPrefix(text, "working, but Template ") && strings.Contains(text, about)
		})
		await(t, "no event tells of "+about, func() bool {
			return b.hasEventOf(t, "KubeControllersConfiguration", "default", "ConfigurationProblem", about)
		})
	}
	next := good
	next.Labels = map[string]string{"a": "b"}
	b.configure(t, enabled(v3.Template{GenerateName: "pattern", InterfacePattern: "eth["}, next))
	await(t, "/readyz still tells of all", func() bool { return strings.HasPrefix(ready(), "working, but "+abouts[1]) })
	if n := strings.Count(r.log.String(), "a template has a mistake"); n != len(abouts) {
		t.Errorf("the log has %d mistakes", n)
	}
	b.configure(t, enabled(next))
	await(t, "/readyz does not tell that it is over", func() bool { return ready() == "working\n" })
	hasty := enabled(next)
	hasty.Controllers.Node.ReconcilerPeriod = &metav1.Duration{Duration: -time.Second}
	b.configure(t, hasty)
	await(t, "no event tells of the period", func() bool {
		return b.hasEventOf(t, "KubeControllersConfiguration", "default", "ConfigurationProblem",
			"reconcilerPeriod is -1s, which is less than 1s: 1s is taken for it. Correct it or remove it.")
	})
}

// TestForeignFinalizers has somebody else's endpoint, which is being deleted, be in the way: what holds it is named.
func TestForeignFinalizers(t *testing.T) {
	b := backends()["kubernetes-v1"](t)
	const path = "/apis/crd.projectcalico.org/v1/hostendpoints/behind-auto-hep"
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name, h.Finalizers = "behind-auto-hep", []string{"calicoctl.test/hold"}
	h.Spec = v3.HostEndpointSpec{Node: "behind", InterfaceName: "eth7"}
	if _, err := b.store.Create(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	b.kube.Do(t, "PATCH", path, []byte(`{"metadata": {"finalizers": ["calicoctl.test/hold"]}}`))
	if err := b.store.Delete(t.Context(), resources.HostEndpoint.Key(h.Name), ""); err != nil {
		t.Fatal(err)
	}
	b.configure(t, enabled())
	b.addNode(t, kubeNode("behind", 1))
	start(t, controller.Options{Store: b.store})
	const want = `Node "behind": host endpoint "behind-auto-hep" is needed, but there is one of that name that is not automatic. ` +
		`That one is being deleted, and waits for its finalizers ["calicoctl.test/hold"]. It is made anew when it is gone.`
	await(t, "no event names the finalizers", func() bool { return b.hasEvent(t, "behind", "HostEndpointProblem", want) })
	b.kube.Do(t, "PATCH", path, []byte(`{"metadata": {"finalizers": null}}`))
	await(t, "the node's endpoint is not made", func() bool {
		all := b.endpoints(t)
		return len(all) == 1 && all[0].Spec.InterfaceName == v3.AllInterfaces
	})
}
