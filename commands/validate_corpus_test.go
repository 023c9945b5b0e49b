package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/test/transcript"
)

// verdict is what was recorded for one document: the result of checking it, and of
// creating it in an empty etcd and in an empty API server.
type verdict struct {
	Case, File, Stdout, Stderr, Bug string
	Exit                            int
	CreateEtcd                      recorded `json:"create_etcd"`
	CreateCRD                       recorded `json:"create_crd_v1"`
}

type recorded struct {
	Exit        int
	Stderr, Bug string
}

// refusal is why the document was refused by the strictest of the three; empty if none
// refused it. Refusals that come from what a datastore holds or can do do not count.
func (v verdict) refusal() string {
	for _, r := range []recorded{{v.Exit, v.Stderr, v.Bug}, v.CreateEtcd, v.CreateCRD} {
		if r.Exit != 0 && !aboutState(r.Stderr) {
			return r.Stderr
		}
	}
	return ""
}

func aboutState(stderr string) bool {
	return slices.ContainsFunc([]string{
		"resource already exists: ",
		"resource does not exist: Tier(",
		"field must not be set for a Create request",
		"operation Create is not supported on ",
		"operation create or apply is not supported on ",
		"invalid SyncLabels value", // only a Kubernetes datastore cannot do without
	}, func(text string) bool { return strings.Contains(stderr, text) })
}

// TestValidateCorpus checks that validate refuses what the strictest recorded verdict
// refuses and accepts everything else, apart from the listed exceptions, and that every
// refusal says where.
func TestValidateCorpus(t *testing.T) {
	const folder = "../testdata/validate"
	exceptions := transcript.Exceptions(t, filepath.Join(folder, "exceptions.txt"))
	text, err := os.ReadFile(filepath.Join(folder, "verdicts.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	run, excused := 0, 0
	tt := &terminal{t: t, path: filepath.Join(t.TempDir(), "unused.db")}
	for line := range strings.Lines(string(text)) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		run++
		problem := v.judge(tt.run("validate", "-f", filepath.Join(folder, v.File)))
		_, excuse := exceptions[v.Case]
		switch {
		case excuse && problem == "":
			t.Errorf("%s is excused, but it is as recorded: remove the excuse", v.Case)
		case excuse:
			excused++
			delete(exceptions, v.Case)
		case problem != "":
			t.Errorf("%s: %s", v.Case, problem)
		}
	}
	for name := range exceptions {
		t.Errorf("exceptions.txt: there is no case %s", name)
	}
	t.Logf("%d documents, %d as recorded, %d excused", run, run-excused, excused)
	if excused*50 > run {
		t.Errorf("%d of %d documents are excused, more than 2%%", excused, run)
	}
}

// judge compares what validate did with the verdict and says how they differ.
func (v verdict) judge(got seen) string {
	refusal := v.refusal()
	switch {
	case got.Code > 1:
		return "it did not survive: " + got.Err
	case refusal != "" && got.Code == 0:
		return "accepted, but recorded as refused: " + refusal
	case refusal == "" && got.Code != 0:
		return "refused, but recorded as accepted: " + got.Err
	case got.Code != 0 && !strings.Contains(got.Err, v.File):
		return "the refusal does not name the file: " + got.Err
	}
	return ""
}
