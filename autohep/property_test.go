package autohep_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

// The pools are small, so that names, addresses and labels meet, and each has members
// that are not right.
var (
	someNames     = rapid.SampledFrom(list("n", "n-x", "n-x-y", "m", strings.Repeat("long.", 48)+"end", "Upper"))
	someAddresses = rapid.SampledFrom(list(
		"10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "fd00::1", "fd00:0::1", "10.0.0.3/32", "10.0.0.0/24", "fe80::1%eth0", "no", ""))
	someInterfaces = rapid.SampledFrom(list("eth0", "eth1", "Eth0", "averylonginterface", "*", ""))
	someKeys       = rapid.SampledFrom(list("a", "b", v3.LabelCreatedBy, "no good"))
	someValues     = rapid.SampledFrom(list("", "1", v3.CreatedByController, "no good"))
	someSelectors  = rapid.SampledFrom(list("", "has(a)", "a == '1'", "!has(b)", "a =", "("))
	somePatterns   = rapid.SampledFrom(list("", "", "eth", ".*", "^eth0$", "("))
	someNetworks   = rapid.SampledFrom(list("10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.2", "fd00::/16", "10/8", ""))
	someGenerators = rapid.SampledFrom(list("", "x", "y", "x-y", "Upper", "x-eth0", strings.Repeat("g", 240)))
	someLabels     = rapid.MapOfN(someKeys, someValues, 0, 3)
)

func drawNodes(t *rapid.T) []*v3.Node {
	names := rapid.SliceOfNDistinct(someNames, 0, 4, rapid.ID[string]).Draw(t, "nodes")
	nodes := make([]*v3.Node, 0, len(names))
	for _, name := range names {
		n := host(name, rapid.SliceOfN(someAddresses, 0, 4).Draw(t, "internal")...)
		n.Labels = someLabels.Draw(t, "node labels")
		n.Spec.IPv4VXLANTunnelAddr = someAddresses.Draw(t, "vxlan")
		if rapid.Bool().Draw(t, "bgp") {
			n.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: someAddresses.Draw(t, "routing"), IPv4IPIPTunnelAddr: someAddresses.Draw(t, "ipip")}
		}
		for _, iface := range rapid.SliceOfN(someInterfaces, 0, 3).Draw(t, "interfaces") {
			withInterface(n, iface, rapid.SliceOfN(someAddresses, 0, 3).Draw(t, "addresses")...)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func drawConfig(t *rapid.T) autohep.Config {
	config := autohep.Config{
		AutoCreate:    rapid.IntRange(0, 9).Draw(t, "auto") > 0,
		CreateDefault: rapid.Bool().Draw(t, "default"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "templates") {
		config.Templates = append(config.Templates, v3.Template{
			GenerateName:     someGenerators.Draw(t, "generateName"),
			InterfaceCIDRs:   rapid.SliceOfN(someNetworks, 0, 2).Draw(t, "networks"),
			InterfacePattern: somePatterns.Draw(t, "pattern"),
			NodeSelector:     someSelectors.Draw(t, "selector"),
			Labels:           someLabels.Draw(t, "labels"),
			Annotations:      someLabels.Draw(t, "annotations"),
		})
	}
	return config
}

// drawExisting has what another configuration made, partly edited, and more.
func drawExisting(t *rapid.T, nodes []*v3.Node) []*v3.HostEndpoint {
	made, _ := autohep.Plan(nodes, nil, drawConfig(t))
	byName := map[string]*v3.HostEndpoint{}
	for _, h := range made.Create {
		switch rapid.IntRange(0, 5).Draw(t, "edit") {
		case 0:
			delete(h.Labels, v3.LabelCreatedBy)
		case 1:
			h.Spec.Node = someNames.Draw(t, "moved to")
		case 2:
			h.Spec.InterfaceName = someInterfaces.Draw(t, "interface")
		}
		byName[h.Name] = h
	}
	for range rapid.IntRange(0, 3).Draw(t, "others") {
		name := someNames.Draw(t, "name") + rapid.SampledFrom(list("-auto-hep", "-x-auto-hep", "-mine")).Draw(t, "suffix")
		h := endpoint(name, someNames.Draw(t, "on"), someInterfaces.Draw(t, "interface"))
		h.Labels = someLabels.Draw(t, "labels")
		byName[name] = h
	}
	existing := slices.Collect(maps.Values(byName))
	for _, h := range existing {
		h.ResourceVersion = "of " + h.Name
	}
	slices.SortFunc(existing, func(a, b *v3.HostEndpoint) int { return strings.Compare(a.Name, b.Name) })
	return existing
}

func copies[T interface{ DeepCopy() T }](in []T) []T {
	out := make([]T, len(in))
	for i, o := range in {
		out[i] = o.DeepCopy()
	}
	return out
}

func byName(endpoints []*v3.HostEndpoint) map[string]*v3.HostEndpoint {
	m := make(map[string]*v3.HostEndpoint, len(endpoints))
	for _, h := range endpoints {
		m[h.Name] = h
	}
	return m
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, config := drawNodes(t), drawConfig(t)
		existing := drawExisting(t, nodes)
		nodesBefore, existingBefore := copies(nodes), copies(existing)
		changes, problems := autohep.Plan(nodes, existing, config)

		if diff := cmp.Diff(nodesBefore, nodes, cmpopts.EquateEmpty()) + cmp.Diff(existingBefore, existing, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the input has changed:\n%s", diff)
		}
		shuffled, sameProblems := autohep.Plan(
			rapid.Permutation(nodes).Draw(t, "nodes in another order"),
			rapid.Permutation(existing).Draw(t, "endpoints in another order"), config)
		if diff := cmp.Diff(changes, shuffled) + cmp.Diff(problems, sameProblems); diff != "" {
			t.Errorf("the order of the input matters:\n%s", diff)
		}

		checkWrites(t, byName(existing), changes)
		after := carriedOut(t, byName(existing), changes)
		again, problemsAfter := autohep.Plan(nodes, slices.Collect(maps.Values(after)), config)
		if !again.Empty() {
			t.Errorf("a second plan changes something:\n%s", cmp.Diff(autohep.Changes{}, again))
		}
		if diff := cmp.Diff(problems, problemsAfter, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("a second plan has other problems:\n%s", diff)
		}
		checkState(t, nodes, config, after, problems)
	})
}

// checkWrites looks at what is written: only what is ours, and only what is valid.
func checkWrites(t *rapid.T, existing map[string]*v3.HostEndpoint, c autohep.Changes) {
	for _, h := range slices.Concat(c.Update, c.Delete) {
		if have := existing[h.Name]; !autohep.Owned(have) && !onlyMarked(have, h) || h.ResourceVersion != have.ResourceVersion {
			t.Errorf("%s is touched: %v", h.Name, have)
		}
	}
	for _, h := range slices.Concat(c.Create, c.Update) {
		if errs := resources.HostEndpoint.Validate(h); len(errs) > 0 || !autohep.Owned(h) {
			t.Errorf("%s is not a valid automatic endpoint: %v", h.Name, errs)
		}
	}
}

// onlyMarked tells of an endpoint without the label that makes it automatic, which gets nothing but that.
func onlyMarked(before, after *v3.HostEndpoint) bool {
	marked := before.DeepCopy()
	if _, has := marked.Labels[v3.LabelCreatedBy]; has {
		return false
	}
	if marked.Labels == nil {
		marked.Labels = map[string]string{}
	}
	marked.Labels[v3.LabelCreatedBy] = v3.CreatedByController
	return alike(marked, after)
}

// checkState looks at what there is in the end: all that nodes should have, unless a
// problem says why not, and nothing else.
func checkState(t *rapid.T, nodes []*v3.Node, config autohep.Config, after map[string]*v3.HostEndpoint, problems []autohep.Problem) {
	planner, _ := autohep.NewPlanner(config)
	allowed := map[string]bool{}
	for _, node := range nodes {
		desired, _ := planner.Desired(node)
		for _, want := range desired {
			allowed[want.Name] = true
			if !alike(want, after[want.Name]) && !explained(problems, node.Name, want.Name) {
				t.Errorf("node %q should have %v, there is %v, and no problem says why", node.Name, want, after[want.Name])
			}
		}
		for _, h := range after {
			if h.Spec.Node == node.Name && autohep.Owned(h) && planner.Keeps(node, h) {
				allowed[h.Name] = true
			}
		}
	}
	for name, h := range after {
		if autohep.Owned(h) && !allowed[name] {
			t.Errorf("%s is left over", name)
		}
	}
	if !config.AutoCreate && len(problems) > 0 {
		t.Errorf("problems while automatic endpoints are off: %v", problems)
	}
}

func alike(a, b *v3.HostEndpoint) bool {
	return b != nil && cmp.Equal(experiment.View(list(a)), experiment.View(list(b)), cmpopts.EquateEmpty())
}

func explained(problems []autohep.Problem, node, endpoint string) bool {
	return slices.ContainsFunc(problems, func(p autohep.Problem) bool { return p.Node == node && p.Endpoint == endpoint })
}
