package render_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/render"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// endpoint is a host endpoint for all interfaces of node n1.
func endpoint(name string, change ...func(*v3.HostEndpoint)) *v3.HostEndpoint {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n1", InterfaceName: v3.AllInterfaces}}
	h.Name, h.Labels = name, map[string]string{"role": "a"}
	for _, c := range change {
		c(h)
	}
	return h
}

func gnp(name string, rules ...v3.Rule) *v3.GlobalNetworkPolicy {
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{Types: []v3.PolicyType{v3.PolicyTypeIngress}, Ingress: rules}}
	p.Name = name
	return p
}

func nft(t *testing.T, s policy.Snapshot) render.Result {
	t.Helper()
	result, err := render.Nft(s, "n1")
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// linesOf are the lines of a chain, without the indentation.
func linesOf(t *testing.T, text, chain string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\tchain "+chain+" {\n")
	if !ok {
		t.Fatalf("no chain %s in\n%s", chain, text)
	}
	body, _, _ := strings.Cut(rest, "\t}\n")
	var lines []string
	for line := range strings.Lines(body) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// TestRules says what each field of a rule is translated to.
func TestRules(t *testing.T) {
	tcp, udp, icmp, icmpv6 := &v3.Protocol{Name: "TCP"}, &v3.Protocol{Name: "UDP"}, &v3.Protocol{Name: "ICMP"}, &v3.Protocol{Name: "ICMPv6"}
	to := func(e v3.EntityRule) v3.Rule { return v3.Rule{Destination: e} }
	ports := func(numbers ...uint16) (list []v3.Port) {
		for _, n := range numbers {
			list = append(list, v3.Port{Min: n, Max: n})
		}
		return list
	}
	for _, c := range []struct {
		name string
		rule v3.Rule
		want []string // without what comes after the match
	}{
		{"everything", v3.Rule{}, []string{""}},
		{"protocol", v3.Rule{Protocol: tcp}, []string{"meta l4proto tcp "}},
		{"protocol by number", v3.Rule{Protocol: &v3.Protocol{Num: 112}}, []string{"meta l4proto 112 "}},
		{"protocol of one family", v3.Rule{Protocol: icmpv6}, []string{"meta nfproto ipv6 meta l4proto ipv6-icmp "}},
		{"protocol by number is of both", v3.Rule{Protocol: &v3.Protocol{Num: 1}}, []string{"meta l4proto icmp "}},
		{"protocol zero", v3.Rule{Protocol: &v3.Protocol{}}, nil},
		{"notProtocol", v3.Rule{NotProtocol: icmp}, []string{"meta l4proto != icmp "}},
		{"protocol and the same notProtocol", v3.Rule{Protocol: tcp, NotProtocol: tcp}, nil},
		{"ipVersion", v3.Rule{IPVersion: new(6)}, []string{"meta nfproto ipv6 "}},
		{"ipVersion and the other's network", v3.Rule{IPVersion: new(6), Source: v3.EntityRule{Nets: []string{"10.0.0.0/8"}}}, nil},
		{"icmp", v3.Rule{ICMP: &v3.ICMPFields{}}, []string{"meta nfproto ipv4 meta l4proto icmp ", "meta nfproto ipv6 meta l4proto ipv6-icmp "}},
		{
			"icmp type and code",
			v3.Rule{Protocol: icmp, ICMP: &v3.ICMPFields{Type: new(8), Code: new(3)}},
			[]string{"meta nfproto ipv4 meta l4proto icmp icmp type 8 icmp code 3 "},
		},
		{"icmp code alone", v3.Rule{Protocol: icmp, ICMP: &v3.ICMPFields{Code: new(3)}}, []string{"meta nfproto ipv4 meta l4proto icmp "}},
		{"icmp type that is none", v3.Rule{Protocol: icmp, ICMP: &v3.ICMPFields{Type: new(256)}}, nil},
		{"icmp with TCP", v3.Rule{Protocol: tcp, ICMP: &v3.ICMPFields{}}, nil},
		{"notICMP", v3.Rule{Protocol: icmpv6, NotICMP: &v3.ICMPFields{Type: new(128)}}, []string{"meta nfproto ipv6 meta l4proto ipv6-icmp icmpv6 type != 128 "}},
		{
			"notICMP type and code",
			v3.Rule{Protocol: icmp, NotICMP: &v3.ICMPFields{Type: new(8), Code: new(0)}},
			[]string{"meta nfproto ipv4 meta l4proto icmp icmp type . icmp code != { 8 . 0 } "},
		},
		{"notICMP of all", v3.Rule{Protocol: icmp, NotICMP: &v3.ICMPFields{}}, nil},
		{"notICMP that is none", v3.Rule{Protocol: icmp, NotICMP: &v3.ICMPFields{Type: new(-1)}}, []string{"meta nfproto ipv4 meta l4proto icmp "}},
		{"nets", to(v3.EntityRule{Nets: []string{"10.1.0.0/16", "10.0.0.0/8", "192.0.2.1/32"}}), []string{"ip daddr { 10.0.0.0/8, 192.0.2.1 } "}},
		{"net of all", to(v3.EntityRule{Nets: []string{"::/0"}}), []string{"meta nfproto ipv6 "}},
		{"nets of both families", to(v3.EntityRule{Nets: []string{"10.0.0.0/8", "fd00::/8"}}), []string{"ip daddr 10.0.0.0/8 ", "ip6 daddr fd00::/8 "}},
		{"notNets are of one family", to(v3.EntityRule{NotNets: []string{"fd00::/8"}}), []string{"ip6 daddr != fd00::/8 "}},
		{"notNets of all", to(v3.EntityRule{NotNets: []string{"0.0.0.0/0"}}), nil},
		{"selector", to(v3.EntityRule{Selector: "role == 'b'"}), []string{"ip daddr @selected-ip4--1 ", "ip6 daddr @selected-ip6--2 "}},
		{"selector of nobody", to(v3.EntityRule{Selector: "role == 'c'"}), nil},
		{"notSelector", to(v3.EntityRule{NotSelector: "role == 'b'"}), []string{"ip daddr != @selected-ip4--1 ", "ip6 daddr != @selected-ip6--2 "}},
		{"notSelector of nobody", to(v3.EntityRule{NotSelector: "role == 'c'"}), []string{"meta nfproto ipv4 ", "meta nfproto ipv6 "}},
		{"ports", v3.Rule{Protocol: tcp, Destination: v3.EntityRule{Ports: ports(22, 81, 80)}}, []string{"tcp dport { 22, 80-81 } "}},
		{"ports of any protocol", to(v3.EntityRule{Ports: ports(80)}), []string{"meta l4proto { tcp, udp, sctp } th dport 80 "}},
		{
			"ports of all but one protocol",
			v3.Rule{NotProtocol: udp, Destination: v3.EntityRule{Ports: ports(80)}},
			[]string{"meta l4proto { tcp, sctp } th dport 80 "},
		},
		{"all ports", v3.Rule{Protocol: udp, Source: v3.EntityRule{Ports: []v3.Port{{Max: 65535}}}}, []string{"meta l4proto udp "}},
		{"ports of ICMP", v3.Rule{Protocol: icmp, Destination: v3.EntityRule{Ports: ports(80)}}, nil},
		{"notPorts", v3.Rule{Protocol: tcp, Source: v3.EntityRule{NotPorts: ports(80)}}, []string{"tcp sport != 80 "}},
		{
			"notPorts of any protocol", to(v3.EntityRule{NotPorts: ports(80, 22)}),
			[]string{"meta l4proto != { tcp, udp, sctp } ", "meta l4proto { tcp, udp, sctp } th dport != { 22, 80 } "},
		},
		{"notPorts of ICMP", v3.Rule{Protocol: icmp, Source: v3.EntityRule{NotPorts: ports(80)}}, []string{"meta nfproto ipv4 meta l4proto icmp "}},
		{"all notPorts", v3.Rule{Protocol: tcp, Destination: v3.EntityRule{NotPorts: []v3.Port{{Max: 65535}}}}, nil},
		{
			"named port",
			v3.Rule{Protocol: tcp, Destination: v3.EntityRule{Ports: []v3.Port{{Name: "api"}, {Min: 1, Max: 2}}}},
			[]string{
				"meta nfproto ipv4 tcp dport 1-2 ",
				"meta nfproto ipv4 meta l4proto tcp ip daddr . meta l4proto . th dport @port-ip4-api--1 ",
				"meta nfproto ipv6 tcp dport 1-2 ",
			},
		},
		{"named port of nobody", v3.Rule{Protocol: tcp, Destination: v3.EntityRule{Ports: []v3.Port{{Name: "none"}}}}, nil},
		{
			"not a named port",
			v3.Rule{Protocol: tcp, Source: v3.EntityRule{NotPorts: []v3.Port{{Name: "api"}}}},
			[]string{
				"meta nfproto ipv4 meta l4proto tcp ip saddr . meta l4proto . th sport != @port-ip4-api--1 ",
				"meta nfproto ipv6 meta l4proto tcp ",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := endpoint("b", func(h *v3.HostEndpoint) {
				h.Spec.Node, h.Labels["role"], h.Spec.ExpectedIPs = "n2", "b", []string{"10.0.0.2", "fd00::2"}
			})
			a := endpoint("a", func(h *v3.HostEndpoint) {
				h.Spec.ExpectedIPs = []string{"10.0.0.1"}
				h.Spec.Ports = []v3.EndpointPort{{Name: "api", Protocol: v3.Protocol{Name: "TCP"}, Port: 6443}}
			})
			c.rule.Action = v3.Deny
			result := nft(t, policy.Snapshot{
				HostEndpoints: []*v3.HostEndpoint{a, b}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{gnp("p", c.rule)},
			})
			var want []string
			for _, match := range c.want {
				want = append(want, match+`counter drop comment "GlobalNetworkPolicy(p) ingress[0] Deny"`)
			}
			if c.want == nil {
				want = []string{"# GlobalNetworkPolicy(p) ingress[0] Deny: matches nothing"}
			}
			want = append(want, `counter drop comment "end of tier default"`)
			if diff := cmp.Diff(want, linesOf(t, result.Text, "to-host--a--tier-default")); diff != "" {
				t.Error(diff)
			}
			if len(result.Omitted) > 0 {
				t.Errorf("left out: %q", result.Omitted)
			}
		})
	}
}

// TestActions says what the actions come to at each stage.
func TestActions(t *testing.T) {
	rules := []v3.Rule{{Action: v3.Allow}, {Action: v3.Deny}, {Action: v3.Pass}, {Action: v3.Log}, {Action: "Maybe"}}
	about := func(action string, index string) string {
		return ` comment "GlobalNetworkPolicy(p) ingress[` + index + `] ` + action + `"`
	}
	lines := func(allow string, end ...string) []string {
		return append([]string{
			"counter " + allow + about("Allow", "0"), "counter drop" + about("Deny", "1"), "counter return" + about("Pass", "2"),
			`counter log prefix "calico-packet: "` + about("Log", "3"),
			"# GlobalNetworkPolicy(p) ingress[4] Maybe: left out, the action is not known",
		}, end...)
	}
	denies := `counter drop comment "end of tier default"`
	for _, c := range []struct {
		chain  string
		change func(*v3.GlobalNetworkPolicySpec)
		want   []string
	}{
		{"to-host--a--tier-default", func(*v3.GlobalNetworkPolicySpec) {}, lines("accept", denies)},
		{"forward-from--a--tier-default", func(s *v3.GlobalNetworkPolicySpec) { s.ApplyOnForward = true }, lines("goto forward-out", denies)},
		{
			"before-dnat--a--tier-default", func(s *v3.GlobalNetworkPolicySpec) { s.ApplyOnForward, s.PreDNAT = true, true },
			lines("meta mark set meta mark | 0x20000000 accept"),
		},
		{
			"untracked-in--a--tier-default", func(s *v3.GlobalNetworkPolicySpec) { s.ApplyOnForward, s.DoNotTrack = true, true },
			lines("notrack meta mark set meta mark | 0x10000000 accept"),
		},
	} {
		p := gnp("p", rules...)
		c.change(&p.Spec)
		result := nft(t, policy.Snapshot{
			HostEndpoints:         []*v3.HostEndpoint{endpoint("a", func(h *v3.HostEndpoint) { h.Spec.InterfaceName = "eth0" })},
			GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p},
		})
		if diff := cmp.Diff(c.want, linesOf(t, result.Text, c.chain)); diff != "" {
			t.Errorf("%s: %s", c.chain, diff)
		}
	}
}

// TestInterfaces says which endpoint is asked about which interface.
func TestInterfaces(t *testing.T) {
	node := &v3.Node{}
	node.Name = "n1"
	node.Spec.Interfaces = []v3.NodeInterface{{Name: "eth0", Addresses: []string{"10.0.0.1"}}, {Name: "eth1", Addresses: []string{"10.1.0.1"}}}
	named := func(name, iface string) *v3.HostEndpoint {
		return endpoint(name, func(h *v3.HostEndpoint) { h.Spec.InterfaceName = iface })
	}
	found := endpoint("found", func(h *v3.HostEndpoint) { h.Spec.InterfaceName, h.Spec.ExpectedIPs = "", []string{"10.1.0.1"} })
	base := []string{
		"type filter hook input priority filter; policy accept;", "meta mark & 0x30000000 != 0 accept", "ct state established,related accept",
	}
	for _, c := range []struct {
		name      string
		endpoints []*v3.HostEndpoint
		want      []string
	}{
		{"none", nil, nil},
		{"all", []*v3.HostEndpoint{endpoint("all")}, []string{"goto to-host--all"}},
		{"one", []*v3.HostEndpoint{named("one", "eth7")}, []string{`iifname "eth7" goto to-host--one`}},
		{
			"each",
			[]*v3.HostEndpoint{endpoint("all"), named("one", "eth0"), found},
			[]string{`iifname "eth0" goto to-host--one`, `iifname "eth1" goto to-host--found`, "goto to-host--all"},
		},
	} {
		result := nft(t, policy.Snapshot{Nodes: []*v3.Node{node}, HostEndpoints: c.endpoints})
		if diff := cmp.Diff(append(base[:3:3], c.want...), linesOf(t, result.Text, "input")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestFailsafes says what failsafe ports are translated to.
func TestFailsafes(t *testing.T) {
	config := &v3.FelixConfiguration{}
	config.Name = v3.DefaultName
	config.Spec.FailsafeInboundHostPorts = &[]v3.ProtoPort{
		{Port: 22},
		{Protocol: "UDP", Port: 68},
		{Protocol: "tcp", Port: 22, Net: "10.0.0.9/8"},
		{Protocol: "tcp", Port: 22, Net: "::/0"},
		{Protocol: "tcp", Port: 22, Net: "all"},
	}
	config.Spec.FailsafeOutboundHostPorts = &[]v3.ProtoPort{{Protocol: "udp", Port: 53, Net: "fd00::1"}}
	result := nft(t, policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{endpoint("a")}, FelixConfigurations: []*v3.FelixConfiguration{config}})
	for chain, want := range map[string][]string{
		"failsafe-in": {
			`tcp dport 22 counter accept comment "failsafe port tcp 22"`,
			`udp dport 68 counter accept comment "failsafe port udp 68"`,
			`ip saddr 10.0.0.0/8 tcp dport 22 counter accept comment "failsafe port tcp 22 10.0.0.9/8"`,
			`meta nfproto ipv6 tcp dport 22 counter accept comment "failsafe port tcp 22 ::/0"`,
			"# failsafe port tcp 22 all: matches nothing, the net cannot be read",
		},
		"failsafe-answers-out": {
			`tcp sport 22 counter accept comment "failsafe port tcp 22"`,
			`udp sport 68 counter accept comment "failsafe port udp 68"`,
			`ip daddr 10.0.0.0/8 tcp sport 22 counter accept comment "failsafe port tcp 22 10.0.0.9/8"`,
			`meta nfproto ipv6 tcp sport 22 counter accept comment "failsafe port tcp 22 ::/0"`,
			"# failsafe port tcp 22 all: matches nothing, the net cannot be read",
		},
		"failsafe-out":        {`ip6 daddr fd00::1/128 udp dport 53 counter accept comment "failsafe port udp 53 fd00::1"`},
		"failsafe-answers-in": {`ip6 saddr fd00::1/128 udp sport 53 counter accept comment "failsafe port udp 53 fd00::1"`},
	} {
		if diff := cmp.Diff(want, linesOf(t, result.Text, chain)); diff != "" {
			t.Errorf("%s: %s", chain, diff)
		}
	}
}

// TestLeftOut says what is not translated, and what is said about it.
func TestLeftOut(t *testing.T) {
	p := gnp("p",
		v3.Rule{Action: v3.Allow, HTTP: &v3.HTTPMatch{}},
		v3.Rule{Action: v3.Allow, Source: v3.EntityRule{Services: &v3.ServiceMatch{}}},
		v3.Rule{Action: v3.Allow, Source: v3.EntityRule{ServiceAccounts: &v3.ServiceAccountMatch{}}},
		v3.Rule{Action: v3.Allow, Source: v3.EntityRule{Selector: "role =="}},
		v3.Rule{Action: v3.Allow, Source: v3.EntityRule{Nets: []string{"10.0.0.0/33"}}},
		v3.Rule{Action: v3.Allow, Source: v3.EntityRule{Selector: "role == 'a'"}},
	)
	a := endpoint("a", func(h *v3.HostEndpoint) { h.Spec.ExpectedIPs = []string{"10.0.0.1"} })
	b := endpoint("b", func(h *v3.HostEndpoint) { h.Spec.InterfaceName = "eth0" }) // which has the same policies, and no other notes
	unread := gnp("unread", v3.Rule{Action: v3.Allow})
	unread.Spec.Selector = "role =="
	result := nft(t, policy.Snapshot{
		HostEndpoints: []*v3.HostEndpoint{a, b}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p, unread},
		Workloads: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
	})
	want := []string{
		"GlobalNetworkPolicy(unread): the selector of the policy cannot be read",
		"GlobalNetworkPolicy(p) ingress[0] Allow: what an HTTP request asks for is not in its packets",
		"GlobalNetworkPolicy(p) ingress[1] Allow: which addresses and ports a service has is not known here",
		"GlobalNetworkPolicy(p) ingress[2] Allow: which addresses have a service account cannot be known here",
		"GlobalNetworkPolicy(p) ingress[3] Allow: the selector cannot be read",
		"GlobalNetworkPolicy(p) ingress[4] Allow: a network cannot be read",
		"GlobalNetworkPolicy(p) ingress[5] Allow: in part, the address may be that of a workload, whose labels and namespace are not known here",
	}
	if diff := cmp.Diff(want, result.Omitted); diff != "" {
		t.Error(diff)
	}
	lines := linesOf(t, result.Text, "to-host--a--tier-default")
	var left []string
	for _, about := range want[1:6] {
		rule, why, _ := strings.Cut(about, ": ")
		left = append(left, "# "+rule+": left out, "+why)
	}
	left = append(left, `ip saddr @selected-ip4--1 counter accept comment "GlobalNetworkPolicy(p) ingress[5] Allow"`, `counter drop comment "end of tier default"`)
	if diff := cmp.Diff(left, lines); diff != "" {
		t.Error(diff)
	}
}

// TestRefused says for what there is no ruleset.
func TestRefused(t *testing.T) {
	sctp := &v3.FelixConfiguration{}
	sctp.Name = v3.DefaultName
	sctp.Spec.FailsafeInboundHostPorts = &[]v3.ProtoPort{{Protocol: "sctp", Port: 80}}
	for _, c := range []struct {
		snapshot policy.Snapshot
		want     string
	}{
		{policy.Snapshot{}, `node "n1" is not known`},
		{
			policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{endpoint("a")}, FelixConfigurations: []*v3.FelixConfiguration{sctp}},
			`a failsafe port has the protocol "sctp", and the agent refuses its whole configuration for it`,
		},
		{
			policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{endpoint("a", func(h *v3.HostEndpoint) {
				h.Spec.InterfaceName, h.Spec.ExpectedIPs = "", []string{"10.0.0.1"}
			})}},
			"the interface of HostEndpoint(a) is found by its address 10.0.0.1, and nothing says which interfaces node n1 has",
		},
		{
			policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{endpoint("a", func(h *v3.HostEndpoint) { h.Spec.InterfaceName = "eth*" })}},
			`interface name "eth*" of HostEndpoint(a) cannot be written in nft`,
		},
	} {
		result, err := render.Nft(c.snapshot, "n1")
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v and\n%s\nwant %s", err, result.Text, c.want)
		}
	}
}
