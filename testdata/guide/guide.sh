# Protect Kubernetes nodes, step by step. Run by "make demo".
set -e

# A copy of the cluster's nodes: the output of "kubectl get nodes -o yaml".
calicoctl apply -f "$GUIDE/nodes.yaml"
calicoctl get nodes -owide

# One host endpoint for each node, made and kept in step from now on.
calicoctl patch kubecontrollersconfiguration default --patch='{"spec": {"controllers": {"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}}'
calicoctl get heps -owide

# A label on a node is at once on its host endpoint, for policy to select.
node1=ip-172-16-101-54.us-west-2.compute.internal
node2=ip-172-16-101-79.us-west-2.compute.internal
calicoctl label nodes $node1 environment=dev
calicoctl label nodes $node2 environment=dev
calicoctl get heps --selector "environment == 'dev'"

# A policy for all nodes: automatic host endpoints have this label in common.
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: all-nodes-policy
spec:
  selector: projectcalico.org/created-by == 'calico-kube-controllers'
  order: 1000
  ingress:
  - action: Allow
  egress:
  - action: Allow
EOF

# The same policy for the development nodes alone.
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: all-nodes-policy
spec:
  selector: projectcalico.org/created-by == 'calico-kube-controllers' && environment == 'dev'
  order: 1000
  ingress:
  - action: Allow
  egress:
  - action: Allow
EOF

# From anywhere, the masters take connections to the API server, the kubelet and DNS only.
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: allow-all-to-masters
spec:
  selector: has(node-role.kubernetes.io/master)
  order: 100
  ingress:
  - action: Allow
    protocol: TCP
    destination:
      ports:
      # kubelet
      - 10250
      # API server
      - 6443
  - action: Allow
    protocol: UDP
    destination:
      ports: [53]
  egress:
  - action: Allow
EOF

# Masters reach each other's control plane.
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: allow-master-to-master
spec:
  selector: has(node-role.kubernetes.io/master)
  order: 200
  ingress:
  - action: Allow
    protocol: TCP
    source:
      selector: has(node-role.kubernetes.io/master)
    destination:
      ports:
      # kubelet
      - 10250
      # API server
      - 6443
      # etcd, for clients and peers
      - "2379:2381"
      # scheduler
      - 10251
      - 10259
      # controller manager
      - 10252
      - 10257
  egress:
  - action: Allow
EOF

# And their own, over the loopback interface.
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: allow-master-to-master-local
spec:
  selector: has(node-role.kubernetes.io/master)
  order: 200
  ingress:
  - action: Allow
    protocol: TCP
    destination:
      nets:
      - 127.0.0.1/32
      ports:
      # kubelet
      - 10250
      # API server
      - 6443
      # etcd, for clients and peers
      - "2379:2381"
      # scheduler
      - 10251
      - 10259
      # controller manager
      - 10252
      - 10257
      # health of calico/node
      - 9099
  egress:
  - action: Allow
EOF

# Every node reaches every node's kubelet. From here on, nodes that are no masters take nothing else but
# failsafe ports: not even local connections to their own loopback address.
calicoctl label nodes --all kubernetes-host=
calicoctl apply -f - << EOF
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: allow-nodes-to-kublet
spec:
  selector: has(kubernetes-host)
  order: 200
  ingress:
  - action: Allow
    protocol: TCP
    source:
      selector: has(kubernetes-host)
    destination:
      ports:
      # kubelet
      - 10250
  egress:
  - action: Allow
EOF

calicoctl get gnp -owide
