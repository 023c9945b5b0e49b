package policy

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// key is a value of one dimension of traffic. Protocols and ports use lo alone. An
// address begins at the highest bit, an IPv4 one too: so 0.0.0.0/0 is the whole
// dimension, as ::/0 is, and a set has one form only.
type key struct{ hi, lo uint64 }

func (k key) compare(other key) int {
	if k.hi != other.hi {
		return cmp.Compare(k.hi, other.hi)
	}
	return cmp.Compare(k.lo, other.lo)
}

func (k key) less(other key) bool {
	return k.hi < other.hi || k.hi == other.hi && k.lo < other.lo
}

// next is the key after k; ok is false when k is the last of all.
func (k key) next() (after key, ok bool) {
	after = key{k.hi, k.lo + 1}
	if after.lo == 0 {
		after.hi++
	}
	return after, after != key{}
}

// before is the key before k, which is not the first.
func (k key) before() key {
	if k.lo == 0 {
		return key{k.hi - 1, ^uint64(0)}
	}
	return key{k.hi, k.lo - 1}
}

func number(n int) key { return key{lo: uint64(n)} }

// addressKey places an address, which is no IPv4-mapped one.
func addressKey(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return key{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// address is the inverse of addressKey.
func (k key) address(v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(k.hi>>32))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.AddrFrom16(b)
}

// interval is what lies from first to last, both inclusive.
type interval struct{ first, last key }

// hostMask has a one for every bit of a key that is not among the leading bits.
func hostMask(length int) key {
	switch {
	case length == 0:
		return key{^uint64(0), ^uint64(0)}
	case length < 64:
		return key{^uint64(0) >> length, ^uint64(0)}
	case length == 128:
		return key{}
	default:
		return key{0, ^uint64(0) >> (length - 64)}
	}
}

// prefixInterval is the addresses of a prefix; host bits are ignored.
func prefixInterval(p netip.Prefix) interval {
	first := addressKey(p.Masked().Addr())
	return interval{first, first.lastOf(p.Bits())}
}

// appendPrefixes adds the fewest prefixes that make up an interval of addresses.
func appendPrefixes(out []netip.Prefix, in interval, v6 bool) []netip.Prefix {
	longest := 32
	if v6 {
		longest = 128
	}
	for first := in.first; ; {
		length := max(0, longest-first.zeros(v6))
		last := first.lastOf(length)
		for in.last.less(last) && length < longest {
			length++
			last = first.lastOf(length)
		}
		out = append(out, netip.PrefixFrom(first.address(v6), length))
		after, ok := last.next()
		if !ok || in.last.less(after) {
			return out
		}
		first = after
	}
}

// lastOf is the last key of those that share the leading bits of k.
func (k key) lastOf(length int) key {
	mask := hostMask(length)
	return key{k.hi | mask.hi, k.lo | mask.lo}
}

// zeros is how many zeros an address ends in.
func (k key) zeros(v6 bool) int {
	switch {
	case !v6:
		return bits.TrailingZeros32(uint32(k.hi >> 32))
	case k.lo == 0:
		return 64 + bits.TrailingZeros64(k.hi)
	default:
		return bits.TrailingZeros64(k.lo)
	}
}

// prefixCount is how many prefixes appendPrefixes adds.
func prefixCount(in interval) int {
	shared := bits.LeadingZeros64(in.first.hi ^ in.last.hi)
	if shared == 64 {
		shared += bits.LeadingZeros64(in.first.lo ^ in.last.lo)
	}
	mask := hostMask(shared)
	if in.first.hi&mask.hi == 0 && in.first.lo&mask.lo == 0 && in.last == in.last.lastOf(shared) {
		return 1
	}
	half := hostMask(shared + 1) // the first of the upper half has the bit that differs, and zeros after it
	middle := key{in.last.hi &^ half.hi, in.last.lo &^ half.lo}
	below, borrow := bits.Sub64(middle.lo, in.first.lo, 0)
	belowHigh, _ := bits.Sub64(middle.hi, in.first.hi, borrow)
	above, carry := bits.Add64(in.last.lo&half.lo, 1, 0)
	aboveHigh := in.last.hi&half.hi + carry
	return bits.OnesCount64(below) + bits.OnesCount64(belowHigh) + bits.OnesCount64(above) + bits.OnesCount64(aboveHigh)
}
