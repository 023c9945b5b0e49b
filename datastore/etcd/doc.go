// Package etcd keeps objects in etcd v3, in Calico's layout: one key for each object under
// /calico/resources/v3/projectcalico.org, whose value is the object's JSON.
package etcd
