package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// startPatience bounds how long a server may take until it is ready. On an idle machine
// etcd takes half a second and kube-apiserver four.
const startPatience = 2 * time.Minute

// process is a server's process. It can be stopped and started again.
type process struct {
	binary string
	args   []string
	// log is the file that its output goes to.
	log string
	// ready tells whether the server serves, or what it is still waiting for.
	ready func(ctx context.Context) error

	command *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
}

// start runs the process and waits until it is ready.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p.command = exec.CommandContext(context.Background(), p.binary, p.args...)
	p.command.Stdout, p.command.Stderr = log, log
	p.ended = make(chan struct{})
	if err := p.run(); err != nil {
		return err
	}
	if err := p.await(); err != nil {
		p.kill()
		return fmt.Errorf("%w; the end of its log:\n%s", err, p.tail())
	}
	return nil
}

// run starts the process from a thread that lives as long as the process does: the
// kernel kills the process when that thread ends, at the latest with this program.
func (p *process) run() error {
	started := make(chan error)
	command, ended := p.command, p.ended
	go func() {
		runtime.LockOSThread()
		command.SysProcAttr = dieWithParent()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
			close(ended)
		}
	}()
	return <-started
}

func (p *process) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %v", filepath.Base(p.binary), p.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w", filepath.Base(p.binary), startPatience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// kill ends the process at once, as kill -9 does.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

func (p *process) tail() string {
	const last = 4000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-last):])
}

// FreePort is a port of the loopback interface that nobody uses.
func FreePort(tb testing.TB) int {
	tb.Helper()
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// FreeAddress is an address of the loopback interface that nobody uses, with its port.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	return loopbackAt(FreePort(tb))
}

// loopbackAt is a port of the loopback interface.
func loopbackAt(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(errors.New("no TCP address"), listener.Close())
	}
	return address.Port, listener.Close()
}
