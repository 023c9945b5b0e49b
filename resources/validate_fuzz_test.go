package resources_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
)

// FuzzValidate checks that no document makes Validate panic or change the object, that
// it says the same every time, and that every error has a path and a text.
func FuzzValidate(f *testing.F) {
	files, err := filepath.Glob(validateDir + "/docs/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		f.Add(readFile(f, file))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		o, err := decode(document)
		if err != nil {
			return
		}
		key, _ := resources.KeyOf(o)
		if key.Kind == nil {
			return
		}
		key.Kind.Default(o)
		before := encode(t, o)
		errs := key.Kind.Validate(o)
		for _, err := range errs {
			if err.Field == "" || err.Detail == "" {
				t.Errorf("says too little: %#v", err)
			}
		}
		if diff := cmp.Diff(errs, key.Kind.Validate(o)); diff != "" {
			t.Errorf("not the same twice:\n%s", diff)
		}
		if diff := cmp.Diff(before, encode(t, o)); diff != "" {
			t.Errorf("changed the object:\n%s", diff)
		}
	})
}
