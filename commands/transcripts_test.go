package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/transcript"
)

// TestTranscripts replays what was recorded with calicoctl on an empty datastore.
func TestTranscripts(t *testing.T) {
	folder, err := filepath.Abs("../testdata/transcripts")
	if err != nil {
		t.Fatal(err)
	}
	transcript.Replay(t, filepath.Join(folder, "*.json"), filepath.Join(folder, "exceptions.txt"), &inProcess{}, "required", "etcd", "other")
}

// inProcess runs command lines on the embedded datastore, with no built-in objects yet and no controller.
type inProcess struct{ path string }

func (p *inProcess) Prepare(t *testing.T, tr transcript.Transcript) {
	t.Helper()
	p.path = filepath.Join(t.TempDir(), "datastore.db")
	store, err := local.Open(t.Context(), p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for key, value := range tr.Seed {
		kind := kindOfPath(key)
		if kind == nil || !json.Valid([]byte(value)) {
			continue
		}
		o := kind.New()
		if err := json.Unmarshal([]byte(value), o); err != nil {
			t.Fatal(key, err)
		}
		if _, err := store.Create(t.Context(), o); err != nil {
			t.Fatal(key, err)
		}
	}
}

func kindOfPath(key string) *resources.Kind {
	plural := filepath.Base(filepath.Dir(key))
	for _, k := range resources.All() {
		if k.Plural == plural {
			return k
		}
	}
	return nil
}

func (p *inProcess) Run(t *testing.T, s transcript.Step) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), s.Args, Deps{
		IO:        IO{In: strings.NewReader(s.Stdin), Out: &out, Err: &errs},
		Program:   "calicoctl",
		Now:       time.Now,
		LookupEnv: environment(s.Env),
		Open: func(ctx context.Context, _ Config, _ access) (Backend, error) {
			store, err := local.Open(ctx, p.path)
			return Backend{Store: store}, err
		},
	})
	return code, out.String(), errs.String()
}

func (*inProcess) Expected(stdout string) string { return stdout }
