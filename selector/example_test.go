package selector_test

import (
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/selector"
)

func Example() {
	s, err := selector.Parse(`has(kubernetes-host) && environment in {'test','dev'}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s)
	fmt.Println(s.Matches(map[string]string{"kubernetes-host": "", "environment": "dev"}))
	fmt.Println(s.Matches(map[string]string{"environment": "dev"}))
	// Output:
	// (has(kubernetes-host) && environment in {"dev", "test"})
	// true
	// false
}

func ExampleParseError() {
	_, err := selector.Parse(`environment = 'dev'`)
	if e := (*selector.ParseError)(nil); errors.As(err, &e) {
		fmt.Println(e)
		fmt.Println(e.Caret())
	}
	// Output:
	// column 13: expected == after label environment
	// environment = 'dev'
	//             ^
}
