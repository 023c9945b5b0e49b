package policytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// Case is what became of one test, for a build server.
type Case struct {
	Name string
	// File and Line are where the test is written.
	File string
	Line int
	// Failure says what is wrong, in one line, and Details all of it; both are empty for
	// a test that passes. Unknown tells that the test neither passes nor fails.
	Failure, Details string
	Unknown          bool
	Took             time.Duration
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Package    string      `xml:"package,attr"`
	ID         int         `xml:"id,attr"`
	Name       string      `xml:"name,attr"`
	Timestamp  string      `xml:"timestamp,attr"`
	Hostname   string      `xml:"hostname,attr"`
	Tests      int         `xml:"tests,attr"`
	Failures   int         `xml:"failures,attr"`
	Errors     int         `xml:"errors,attr"`
	Time       string      `xml:"time,attr"`
	Properties []junitPair `xml:"properties>property"`
	Cases      []junitCase `xml:"testcase"`
	Out        string      `xml:"system-out"`
	Err        string      `xml:"system-err"`
}

type junitPair struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Error     *junitProblem `xml:"error"`
	Failure   *junitProblem `xml:"failure"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes cases as JUnit XML, a suite for each file. A test that neither passes
// nor fails is an error there.
func WriteJUnit(w io.Writer, cases []Case, at time.Time) error {
	var all junitSuites
	var took time.Duration
	for _, c := range cases {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != c.File {
			all.Suites = append(all.Suites, junitSuite{
				Package: "policy", ID: n, Name: c.File, Hostname: "localhost", Timestamp: at.UTC().Format("2006-01-02T15:04:05"),
				Properties: []junitPair{{"tool", "calicoctl test"}}, // for some readers want one
			})
			took = 0
		}
		s := &all.Suites[len(all.Suites)-1]
		took += c.Took
		s.Tests++
		s.Time = seconds(took)
		made := junitCase{Name: c.Name, ClassName: c.File, Time: seconds(c.Took)}
		text := fmt.Sprintf("%s:%d\n%s", c.File, c.Line, c.Details)
		switch {
		case c.Unknown:
			s.Errors++
			made.Error = &junitProblem{c.Failure, "unknown", text}
		case c.Failure != "":
			s.Failures++
			made.Failure = &junitProblem{c.Failure, "failed", text}
		}
		s.Cases = append(s.Cases, made)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
