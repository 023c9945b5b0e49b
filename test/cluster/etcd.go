package cluster

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Etcd is a running etcd.
type Etcd struct {
	// Endpoint is its host:port.
	Endpoint string
	process  process
}

// StartEtcd starts an etcd for one test. Flags are added to its command line; with
// --cert-file among them it serves TLS.
func StartEtcd(tb testing.TB, flags ...string) *Etcd {
	tb.Helper()
	folder := throwAway(tb)
	tb.Cleanup(func() { _ = os.RemoveAll(folder) })
	e, err := runEtcd(binary(tb, "etcd"), folder, flags)
	if err != nil {
		tb.Fatalf("start etcd: %v", err)
	}
	tb.Cleanup(e.Kill)
	return e
}

func runEtcd(binary, folder string, flags []string) (*Etcd, error) {
	client, err := freePort()
	if err != nil {
		return nil, err
	}
	peer, err := freePort()
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if strings.Contains(strings.Join(flags, " "), "--cert-file") {
		scheme = "https"
	}
	e, peers := &Etcd{Endpoint: loopbackAt(client)}, "http://"+loopbackAt(peer)
	e.process = process{
		binary: binary,
		log:    filepath.Join(folder, "etcd.log"),
		args: append([]string{
			"--data-dir=" + filepath.Join(folder, "etcd"), "--unsafe-no-fsync", "--log-level=info", "--log-outputs=stderr",
			"--listen-client-urls=" + scheme + "://" + e.Endpoint, "--advertise-client-urls=" + scheme + "://" + e.Endpoint,
			"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
			"--initial-cluster=default=" + peers,
		}, flags...),
	}
	var before int // what the log says of earlier starts
	e.process.ready = func(context.Context) error {
		text, err := os.ReadFile(e.process.log)
		if err != nil {
			return err
		}
		if bytes.Count(text, []byte("serving client traffic")) <= before {
			return errors.New("it does not serve clients yet")
		}
		before = bytes.Count(text, []byte("serving client traffic"))
		return nil
	}
	return e, e.process.start()
}

// Kill ends etcd as kill -9 does.
func (e *Etcd) Kill() { e.process.kill() }

// Restart starts etcd again, with the same data and at the same address.
func (e *Etcd) Restart(tb testing.TB) {
	tb.Helper()
	if err := e.process.start(); err != nil {
		tb.Fatalf("restart etcd: %v", err)
	}
}
