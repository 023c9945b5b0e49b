package policy_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/test/random"
)

func comparePrefixes() cmp.Option {
	return cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
}

// TestAddresses holds sets of addresses to the lists that they are made of.
func TestAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := policy.NewSpace()
		var list []netip.Prefix
		for range rapid.IntRange(1, 12).Draw(t, "networks") {
			list = append(list, netip.MustParsePrefix(random.Net(t, "network")))
		}
		a := space.Addresses(list)
		all := a.Prefixes()
		if space.Addresses(all) != a || space.Addresses(slices.Concat(list, list)) != a {
			t.Fatalf("%v are not the addresses of %v", all, list)
		}
		for i, n := range list {
			if !slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Bits() <= n.Bits() && p.Contains(n.Addr()) }) {
				t.Fatalf("%v is in %v[%d], not in %v", n, list, i, all)
			}
		}
		if a.Count() != len(all) {
			t.Fatalf("%v are %d networks, not %d", list, len(all), a.Count())
		}
		n := rapid.IntRange(0, 20).Draw(t, "first")
		if diff := cmp.Diff(slices.Clone(all[:min(n, len(all))]), slices.Clone(a.First(n)), comparePrefixes()); diff != "" {
			t.Fatalf("the first %d of %v: %s", n, all, diff)
		}
		rest, ok := a.Rest()
		switch version := a.IPVersion(); {
		case version == 0 || len(all) == 1 && all[0].Bits() == 0:
			if ok {
				t.Fatalf("%v leave %v", list, rest.Prefixes())
			}
		case !ok || rest.Count() != len(rest.Prefixes()) || rest.IPVersion() != version:
			t.Fatalf("%v leave %v", list, rest.Prefixes())
		default:
			back, _ := rest.Rest()
			whole := policy.Box{IPVersion: version}
			box := func(l []netip.Prefix) policy.Set { return space.Set(policy.Box{Sources: l}) }
			if back != a || !box(rest.Prefixes()).Equal(space.Set(whole).Subtract(box(all))) {
				t.Fatalf("%v leave %v, and those %v", list, rest.Prefixes(), back.Prefixes())
			}
		}
	})
}

// TestOutlines tells the same set with addresses and without.
func TestOutlines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := policy.NewSpace()
		set := space.All().Subtract(space.Set(drawBox(t), drawBox(t)))
		var boxes []policy.Box
		for _, o := range set.Outlines() {
			boxes = append(boxes, o.Box())
			if again := space.Outline(o.Box()); again.Sources != o.Sources || again.Destinations != o.Destinations {
				t.Fatalf("%+v are other addresses", o.Box())
			}
		}
		if !space.Set(boxes...).Equal(set) {
			t.Fatalf("%+v are not the set", boxes)
		}
	})
}
