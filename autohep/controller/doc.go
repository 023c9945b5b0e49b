// Package controller keeps the automatic host endpoints of a datastore in step with its nodes
// and its configuration.
//
// It is level-triggered. Lists and watches keep a copy of the nodes, the endpoints and the
// configuration; what changes only says which nodes to look at again. A look plans the
// endpoints of one node, together with nodes that want the same names, and writes what
// differs, each write on condition that the endpoint is still as it was seen. What fails is
// tried again after a pause, and holds up nothing else. What one process writes wrongly for
// want of news, any other repairs: several may work at once, Calico's own among them.
package controller
