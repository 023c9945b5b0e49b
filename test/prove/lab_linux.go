package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lab is a host in a network namespace of its own, whose interfaces lead into another
// namespace: there is the rest of the world. Both go away when the lab is closed and the thread that made them has ended.
type lab struct {
	ctx         context.Context
	host, world int // the namespaces
	interfaces  []*wire
	sockets     []*socket
	raw4, raw6  int // which the host sends by
	netlink     int
	opened      []int // all file descriptors: an open one keeps a namespace
}

// wire is an interface of the host and its other end in the world.
type wire struct {
	name             string
	addresses        []string
	nets             []string // which are behind it
	gateway4         string
	near, far        net.HardwareAddr
	farIndex, socket int
}

// socket is one that packets are received by, at the host or behind a wire.
type socket struct {
	fd   int
	wire *wire // nil at the host
}

// ownMark is what the packets that are sent here have; the host sends no others.
const ownMark = 1

// wires are the interfaces of the host n1: those of the recorded topology and of the random snapshots together, and one
// more that no object names.
func wires() []*wire {
	return []*wire{
		{
			name: "eth0", addresses: []string{"10.66.0.1", "10.0.0.1", "fd66::1", "fd00::1"}, gateway4: "169.254.0.1",
			nets: []string{"10.66.0.0/24", "10.0.0.0/24", "fd66::/64", "fd00::/64"},
		},
		{
			name: "eth1", addresses: []string{"10.67.0.1", "10.1.0.1", "fd67::1", "fd01::1"}, gateway4: "169.254.1.1",
			nets: []string{"10.67.0.0/24", "10.1.0.0/24", "198.51.100.0/24", "fd67::/64", "fd01::/64", "2001:db8::7/128"},
		},
		{
			name: "eth2", addresses: []string{"203.0.113.1", "fd02::1"}, gateway4: "169.254.2.1",
			nets: []string{"192.0.2.0/24", "203.0.113.0/24", "fd02::/64", "2001:db8::1/128"},
		},
	}
}

// newLab makes the namespaces. The goroutine stays on its thread, which must end with it.
func newLab(ctx context.Context) (*lab, error) {
	runtime.LockOSThread()
	l := &lab{ctx: ctx, interfaces: wires()}
	if err := l.setUp(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) setUp() (err error) {
	if l.world, err = l.newNamespace(); err != nil {
		return err
	}
	if l.host, err = l.newNamespace(); err != nil {
		return err
	}
	for _, step := range []func() error{l.wireUp, l.hostSockets, l.worldSockets} {
		if err := unix.Setns(l.host, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the namespace of the host: %w", err)
		}
		if err := step(); err != nil {
			return err
		}
	}
	return unix.Setns(l.host, unix.CLONE_NEWNET)
}

// close gives back what the lab has opened.
func (l *lab) close() {
	for _, fd := range l.opened {
		_ = unix.Close(fd)
	}
	l.opened = nil
}

// keep notes what was opened, for close.
func (l *lab) keep(fd int, err error) (int, error) {
	if err == nil {
		l.opened = append(l.opened, fd)
	}
	return fd, err
}

func (l *lab) newNamespace() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return 0, fmt.Errorf("make a network namespace: %w", err)
	}
	return l.keep(unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0))
}

// command runs a program in the namespace of this thread.
func (l *lab) command(input, name string, args ...string) error {
	_, err := l.output(input, name, args...)
	return err
}

// output is what a program prints there.
func (l *lab) output(input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(l.ctx, path(name), args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

func sysctl(values map[string]string) error {
	for name, value := range values {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}

// wireUp makes the interfaces, addresses and routes. Neighbours are entered, not asked for.
func (l *lab) wireUp() error {
	if err := sysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"netfilter/nf_conntrack_checksum": "0", // with which tracking takes no good packet of UDP-Lite for a good one
		"ipv4/conf/all/send_redirects":    "0", "ipv4/conf/default/send_redirects": "0", "ipv6/conf/default/accept_dad": "0",
	}); err != nil {
		return fmt.Errorf("configure the host: %w", err)
	}
	world := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), l.world)
	batch := []string{"link set lo up"}
	add := func(format string, args ...any) { batch = append(batch, fmt.Sprintf(format, args...)) }
	for i, w := range l.interfaces {
		w.near, w.far = net.HardwareAddr{2, 0, 0, 0, byte(i), 1}, net.HardwareAddr{2, 0, 0, 0, byte(i), 2}
		gateway6 := "fe80::ffff"
		add("link add %s address %s type veth peer name far%d address %s", w.name, w.near, i, w.far)
		add("link set far%d netns %s", i, world)
		add("link set %s up", w.name)
		for _, a := range w.addresses {
			address := netip.MustParseAddr(a)
			option := ""
			if address.Is6() {
				option = " nodad"
			}
			add("address add %s/%d dev %s%s", a, address.BitLen(), w.name, option)
		}
		add("neighbour add %s lladdr %s dev %s nud permanent", w.gateway4, w.far, w.name)
		add("neighbour add %s lladdr %s dev %s nud permanent", gateway6, w.far, w.name)
		for _, n := range w.nets {
			gateway := w.gateway4
			if strings.Contains(n, ":") {
				gateway = gateway6
			}
			add("route add %s via %s dev %s onlink", n, gateway, w.name)
		}
	}
	return l.command(strings.Join(batch, "\n"), "ip", "-batch", "-")
}

// protocolsSeen are those that the host receives packets of.
var protocolsSeen = []int{protoICMP, protoTCP, protoUDP, protoICMPv6, protoVRRP, protoSCTP, protoUDPLite}

func (l *lab) hostSockets() (err error) {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range protocolsSeen {
			fd, err := l.rawSocket(family, protocol)
			if err != nil {
				return err
			}
			l.sockets = append(l.sockets, &socket{fd: fd})
		}
	}
	if l.raw4, err = l.rawSocket(unix.AF_INET, unix.IPPROTO_RAW); err != nil {
		return err
	}
	if l.raw6, err = l.rawSocket(unix.AF_INET6, unix.IPPROTO_RAW); err != nil {
		return err
	}
	l.netlink, err = l.keep(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER))
	return err
}

func (l *lab) rawSocket(family, protocol int) (int, error) {
	fd, err := l.keep(unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol))
	if err != nil {
		return 0, fmt.Errorf("open a raw socket: %w", err)
	}
	if err := roomy(fd); err != nil {
		return 0, err
	}
	return fd, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, ownMark)
}

// roomy lets a socket keep all packets of a trial.
func roomy(fd int) error {
	const size = 4 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
}

func (l *lab) worldSockets() error {
	if err := unix.Setns(l.world, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the namespace of the world: %w", err)
	}
	if err := sysctl(map[string]string{"ipv6/conf/all/disable_ipv6": "1"}); err != nil {
		return err
	}
	for i, w := range l.interfaces {
		name := fmt.Sprintf("far%d", i)
		if err := l.command("link set "+name+" up", "ip", "-batch", "-"); err != nil {
			return err
		}
		found, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		w.farIndex = found.Index
		fd, err := l.keep(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(bigEndian(unix.ETH_P_ALL))))
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		if err := roomy(fd); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: found.Index}); err != nil {
			return err
		}
		w.socket = fd
		l.sockets = append(l.sockets, &socket{fd: fd, wire: w})
	}
	return nil
}

func bigEndian(n uint16) uint16 { return n<<8 | n>>8 }

// forget lets the host forget all connections.
func (l *lab) forget() error {
	const deleteConnections = 1<<8 | 2 // of the subsystem of connection tracking
	request := binary.NativeEndian.AppendUint32(nil, unix.SizeofNlMsghdr+4)
	request = binary.NativeEndian.AppendUint16(request, deleteConnections)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	request = append(request, make([]byte, unix.SizeofNlMsghdr-8+4)...)
	if err := unix.Sendto(l.netlink, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("forget connections: %w", err)
	}
	reply := make([]byte, 4096)
	n, _, err := unix.Recvfrom(l.netlink, reply, 0)
	if err != nil || n < unix.SizeofNlMsghdr+4 {
		return fmt.Errorf("forget connections: %w", err)
	}
	if code := int32(binary.NativeEndian.Uint32(reply[unix.SizeofNlMsghdr:])); code != 0 {
		return fmt.Errorf("forget connections: %w", unix.Errno(-code))
	}
	return nil
}

// wireOf is the interface of a name.
func (l *lab) wireOf(name string) *wire {
	for _, w := range l.interfaces {
		if w.name == name {
			return w
		}
	}
	return nil
}

// sendFromHost lets the host send a packet.
func (l *lab) sendFromHost(p *packet) error {
	if p.from.Is4() {
		return retry(func() error { return unix.Sendto(l.raw4, p.bytes(), 0, &unix.SockaddrInet4{Addr: p.to.As4()}) })
	}
	return retry(func() error { return unix.Sendto(l.raw6, p.bytes(), 0, &unix.SockaddrInet6{Addr: p.to.As16()}) })
}

// sendFromWorld lets a packet come in by an interface of the host.
func (l *lab) sendFromWorld(w *wire, p *packet) error {
	kind := []byte{8, 0}
	if p.from.Is6() {
		kind = []byte{0x86, 0xdd}
	}
	frame := bytes.Join([][]byte{w.near, w.far, kind, p.bytes()}, nil)
	return retry(func() error {
		return unix.Sendto(w.socket, frame, 0, &unix.SockaddrLinklayer{Ifindex: w.farIndex, Halen: 6})
	})
}

// retry sends again when there is no room, and takes it that a firewall may refuse.
func retry(send func() error) error {
	for range 1000 {
		err := send()
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
			time.Sleep(100 * time.Microsecond)
		case errors.Is(err, unix.EPERM): // which is how a denied packet of the host itself shows
			return nil
		default:
			return err
		}
	}
	return unix.ENOBUFS
}

// receive waits for packets and hands on what came, and whether anything did. A nil wire is the host.
func (l *lab) receive(wait time.Duration, got func(mark, *wire, []byte)) (bool, error) {
	fds := make([]unix.PollFd, len(l.sockets))
	for i, s := range l.sockets {
		fds[i] = unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN}
	}
	n, err := unix.Poll(fds, int(wait/time.Millisecond))
	if errors.Is(err, unix.EINTR) {
		return true, nil
	}
	if err != nil || n == 0 {
		return false, err
	}
	buffer := make([]byte, 65536)
	for i, s := range l.sockets {
		for fds[i].Revents&unix.POLLIN != 0 {
			n, from, err := unix.Recvfrom(s.fd, buffer, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				break
			}
			if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			if m, ok := markIn(buffer[:n]); ok {
				got(m, s.wire, buffer[:n])
			}
		}
	}
	return true, nil
}
