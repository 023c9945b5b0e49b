// Package cluster runs real servers for tests: etcd and kube-apiserver, as test/servers
// pins them. They listen on the loopback interface alone, keep their data in throw-away
// folders, and end with the process that started them, however it ends.
package cluster
