package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

// manifest is a file with n policies or nodes, written on the first occasion.
func (b *bench) manifest(c content, n int) (string, error) {
	path := filepath.Join(b.folder, fmt.Sprintf("%s-%d.yaml", c, n))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	write := writePolicies
	if c == nodes {
		write = writeNodes
	}
	return path, create(path, func(w io.Writer) error { return write(w, n) })
}

const policyYAML = `---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: service-%06[1]d
  labels:
    team: team-%03[2]d
spec:
  selector: service == 'service-%06[1]d' && environment in {'dev', 'production'}
  order: %[1]d
  ingress:
  - action: Allow
    protocol: TCP
    source:
      nets:
      - %[3]s/28
    destination:
      ports:
      - %[4]d
      - 9090:9099
  - action: Allow
    protocol: TCP
    source:
      selector: role == 'client-of-%06[1]d' || has(monitoring)
    destination:
      ports:
      - 443
      - %[5]d
  egress:
  - action: Allow
    protocol: UDP
    destination:
      nets:
      - 10.96.0.10/32
      ports:
      - 53
  types:
  - Ingress
  - Egress
`

// writePolicies writes n documents, no two of which are the same.
func writePolicies(w io.Writer, n int) error {
	for i := range n {
		network := addressAt("10.128.0.0", 16*i)
		if _, err := fmt.Fprintf(w, policyYAML, i, i%500, network, 1024+i%8000, 10000+i%50000); err != nil {
			return err
		}
	}
	return nil
}

const nodeYAML = `- apiVersion: v1
  kind: Node
  metadata:
    name: %[1]s
    uid: 5f1a8c0e-7d1b-4a53-9c57-%012[2]x
    resourceVersion: "%[2]d"
    creationTimestamp: "2026-01-05T08:00:00Z"
    labels:
      environment: dev
      kubernetes.io/arch: amd64
      kubernetes.io/hostname: %[1]s
      kubernetes.io/os: linux
      node-role.kubernetes.io/worker: ""
      topology.kubernetes.io/region: us-west-2
      topology.kubernetes.io/zone: us-west-2%[3]c
    annotations:
      projectcalico.org/IPv4Address: %[4]s/9
      projectcalico.org/IPv4IPIPTunnelAddr: %[5]s
  spec:
    podCIDR: %[6]s/28
    podCIDRs:
    - %[6]s/28
    providerID: aws:///us-west-2%[3]c/i-%017[2]x
  status:
    addresses:
    - address: %[4]s
      type: InternalIP
    - address: %[1]s
      type: Hostname
    capacity:
      cpu: "4"
      memory: 16384000Ki
    nodeInfo:
      architecture: amd64
      kubeletVersion: v1.37.2
      operatingSystem: linux
`

// nodesPerList keeps documents well below the limit of their size.
const nodesPerList = 1000

// writeNodes writes n nodes of Kubernetes, as "kubectl get nodes -o yaml" shows them.
func writeNodes(w io.Writer, n int) error {
	for i := range n {
		if i%nodesPerList == 0 {
			if _, err := io.WriteString(w, "---\napiVersion: v1\nkind: List\nitems:\n"); err != nil {
				return err
			}
		}
		pods := addressAt("100.64.0.0", 16*i)
		_, err := fmt.Fprintf(w, nodeYAML, nodeName(i), i+1, 'a'+i%3, addressAt("10.0.0.1", i), pods.Next(), pods)
		if err != nil {
			return err
		}
	}
	return nil
}

func nodeName(i int) string {
	a := addressAt("10.0.0.1", i).As4()
	return fmt.Sprintf("ip-%d-%d-%d-%d.us-west-2.compute.internal", a[0], a[1], a[2], a[3])
}

// addressAt is the IPv4 address that comes the given number after the first one.
func addressAt(first string, after int) netip.Addr {
	a := netip.MustParseAddr(first).As4()
	for i := len(a) - 1; i >= 0; i-- {
		after += int(a[i])
		a[i] = byte(after)
		after >>= 8
	}
	return netip.AddrFrom4(a)
}
