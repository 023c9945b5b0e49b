package policy

import "fmt"

// Traffic is what becomes of packets on a path of one node, by its interfaces: in for
// Input, out for Output, both for Forward. It does not follow DNAT.
func (e *Engine) Traffic(node string, p Path, in, out string) (Traffic, error) {
	h := e.byName[node]
	if h == nil {
		return Traffic{}, fmt.Errorf("node %q is not known", node)
	}
	switch p {
	case Input:
		return e.traffic(h.at(in).class.along(wayIn)), nil
	case Output:
		return e.traffic(h.at(out).class.along(wayOut)), nil
	case Local:
		return e.traffic(h.at(loopback).class.along(wayLocal)), nil
	case Forward:
		return e.traffic(forwarded(h.at(in).class, h.at(out).class)), nil
	default:
		return Traffic{}, fmt.Errorf("there are no sets for the path %q", p)
	}
}
