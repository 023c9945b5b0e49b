package main

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/random"
)

// packetsDrawn is how many packets are sent under a random snapshot.
const packetsDrawn = 120

// drawn is a random snapshot and packets for it.
type drawn struct {
	snapshot policy.Snapshot
	flows    []policy.Flow
}

// place is an address of the world and the interface of the host that leads there.
type place struct{ address, wire string }

// The addresses of the random snapshots, and what else there is on their networks.
var (
	own      = map[int][]string{4: {"10.0.0.1", "10.1.0.1"}, 6: {"fd00::1", "fd01::1"}}
	loopback = map[int]string{4: "127.0.0.1", 6: "::1"}
	others   = map[int][]place{
		4: {{"10.0.0.2", "eth0"}, {"10.0.0.9", "eth0"}, {"10.1.0.77", "eth1"}, {"192.0.2.1", "eth2"}},
		6: {{"fd00::2", "eth0"}, {"fd01::77", "eth1"}, {"2001:db8::1", "eth2"}},
	}
	inBy  = rapid.SampledFrom([]string{"eth0", "eth0", "eth1", "eth1", "eth2"})
	ports = rapid.SampledFrom([]uint16{22, 53, 68, 80, 443, 6443, 65535})
)

// drawing draws a snapshot and packets that a network can carry to, from and through the host.
var drawing = rapid.Custom(func(t *rapid.T) drawn {
	d := drawn{snapshot: random.Snapshot(t)}
	seen := map[string]bool{}
	for range packetsDrawn {
		f := drawFlow(t)
		if keys := connectionsOf(&f); !seen[keys[0]] && !seen[keys[1]] {
			seen[keys[0]], seen[keys[1]] = true, true
			d.flows = append(d.flows, f)
		}
	}
	return d
})

// connectionsOf are the connections that a packet begins, before and after its destination is rewritten, whichever way
// they are looked at. Of two packets with the same one, one is no new connection.
func connectionsOf(f *policy.Flow) [2]string {
	key := func(to netip.Addr, port *uint16) string {
		if f.ICMPType != nil {
			return fmt.Sprint(f.Protocol, f.From, to, *f.ICMPType, *f.ICMPCode)
		}
		a, b := netip.AddrPortFrom(f.From, 0), netip.AddrPortFrom(to, 0)
		if port != nil {
			a, b = netip.AddrPortFrom(f.From, *f.SourcePort), netip.AddrPortFrom(to, *port)
		}
		if b.Compare(a) < 0 {
			a, b = b, a
		}
		return fmt.Sprint(f.Protocol.Number(), a, b)
	}
	before := key(f.To, f.Port)
	if !f.DNATTo.IsValid() {
		return [2]string{before, before}
	}
	return [2]string{before, key(f.DNATTo, f.DNATPort)}
}

func drawFlow(t *rapid.T) policy.Flow {
	version := rapid.SampledFrom([]int{4, 4, 6}).Draw(t, "IP version")
	f := policy.Flow{Node: node, IPVersion: version}
	here := func() netip.Addr { return netip.MustParseAddr(rapid.SampledFrom(own[version]).Draw(t, "own address")) }
	alone := func() netip.Addr {
		return netip.MustParseAddr(rapid.SampledFrom(append(own[version][:2:2], loopback[version])).Draw(t, "own address"))
	}
	there := func() place { return rapid.SampledFrom(others[version]).Draw(t, "address elsewhere") }
	f.Path = rapid.SampledFrom([]policy.Path{
		policy.Input, policy.Input, policy.Output, policy.Local, policy.Forward, policy.DNATForward, policy.DNATLocal,
	}).Draw(t, "path")
	switch f.Path {
	case policy.Output, policy.Local:
		f.From = here()
	default:
		from := there()
		f.From, f.In = netip.MustParseAddr(from.address), from.wire
		if rapid.IntRange(0, 2).Draw(t, "by another way") == 0 {
			f.In = inBy.Draw(t, "in")
		}
	}
	switch f.Path {
	case policy.Output, policy.Forward:
		to := there()
		f.To, f.Out = netip.MustParseAddr(to.address), to.wire
	case policy.Local:
		f.From, f.To = alone(), alone()
	default:
		f.To = here()
	}
	switch f.Path {
	case policy.DNATForward:
		to := there()
		f.DNATTo, f.Out = netip.MustParseAddr(to.address), to.wire
	case policy.DNATLocal:
		f.DNATTo = here()
	}
	drawProtocol(t, &f)
	return f
}

// drawProtocol draws a protocol. ICMP is requests, of the right IP version: for other messages there must be a
// connection already.
func drawProtocol(t *rapid.T, f *policy.Flow) {
	numbers := []uint8{protoTCP, protoTCP, protoUDP, protoSCTP}
	if !f.DNATTo.IsValid() {
		icmp := uint8(protoICMP)
		if f.IPVersion == 6 {
			icmp = protoICMPv6
		}
		numbers = append(numbers, icmp, icmp, protoUDPLite, protoVRRP)
	}
	f.Protocol = v3.Protocol{Num: rapid.SampledFrom(numbers).Draw(t, "protocol")}
	switch f.Protocol.Num {
	case protoICMP:
		f.ICMPType = new(rapid.SampledFrom([]uint8{8, 8, 13}).Draw(t, "type"))
	case protoICMPv6:
		f.ICMPType = new(uint8(128))
	case protoVRRP, protoUDPLite:
		return
	default:
		f.SourcePort, f.Port = new(ports.Draw(t, "source port")), new(ports.Draw(t, "port"))
		if f.DNATTo.IsValid() {
			f.DNATPort = new(ports.Draw(t, "rewritten port"))
		}
		return
	}
	f.ICMPCode = new(uint8(rapid.IntRange(0, 2).Draw(t, "code")))
}

// drawnTrials are random snapshots with packets, and how many more were drawn that no agent takes.
func drawnTrials(n, seed int) (trials []*trial, refused int, err error) {
	for len(trials) < n {
		number := seed + len(trials) + refused
		d := drawing.Example(number)
		plan, err := policy.New(d.snapshot).Plan(node)
		if err != nil {
			refused++
			continue
		}
		t, err := newTrial(fmt.Sprintf("snapshot %d", number), d.snapshot, withoutAnswers(d, plan))
		if err != nil {
			return nil, 0, err
		}
		if untracked := hasUntracked(&d.snapshot); !untracked || number%2 == 0 {
			t.expectAnswers(untracked)
			if untracked { // whose rules meet the answers, too
				t.met = nil
			}
		}
		trials = append(trials, t)
	}
	return trials, refused, nil
}

// withoutAnswers leaves out what doNotTrack policies take for an answer: what comes from a failsafe port. The engine
// judges it as the beginning of a connection, which such a packet is only in a test.
func withoutAnswers(d drawn, plan *policy.Plan) []policy.Flow {
	untracked := hasUntracked(&d.snapshot)
	failsafes := slices.Concat(plan.FailsafesIn, plan.FailsafesOut)
	return slices.DeleteFunc(d.flows, func(f policy.Flow) bool {
		return untracked && (f.Protocol.Num == protoTCP || f.Protocol.Num == protoUDP) &&
			slices.ContainsFunc(failsafes, func(p v3.ProtoPort) bool { return p.Port == *f.SourcePort })
	})
}
