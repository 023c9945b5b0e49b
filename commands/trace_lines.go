package commands

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// longestLine is how long a question may be, in bytes.
const longestLine = 1 << 20

// byteOrderMark may begin a file.
const byteOrderMark = "\ufeff"

// questionLines reads questions, one from each line.
type questionLines struct {
	in *bufio.Reader
	// line is the current line, and tooLong tells that it has been left out because of its length.
	line    []byte
	tooLong bool
	begun   bool
	err     error
}

func newQuestionLines(in io.Reader) *questionLines { return &questionLines{in: bufio.NewReader(in)} }

// next reads a line, if there is one more.
func (l *questionLines) next() bool {
	l.line, l.tooLong = l.line[:0], false
	read := 0
	for {
		part, err := l.in.ReadSlice('\n')
		read += len(part)
		if l.tooLong = l.tooLong || len(l.line)+len(part) > longestLine; !l.tooLong {
			l.line = append(l.line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			l.err = err
			return false
		}
		break
	}
	if !l.begun {
		l.line = bytes.TrimPrefix(l.line, []byte(byteOrderMark))
		l.begun = true
	}
	return read > 0
}

// question is what the current line asks.
func (l *questionLines) question() (flowQuestion, error) {
	var q flowQuestion
	line := bytes.TrimSpace(l.line)
	switch {
	case l.tooLong:
		return q, fmt.Errorf("the line is longer than %d bytes", longestLine)
	case len(line) == 0:
		return q, errors.New("the line is empty")
	case line[0] != '{':
		return q, errors.New("the line is no JSON object")
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return q, plainJSONError(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return q, errors.New("there is more than one object in the line")
	}
	return q, nil
}

// plainJSONError says what is wrong with a question in the words of the question.
func plainJSONError(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%s: write %s", wrong.Field, wantedFor(wrong.Field))
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the line is no valid JSON")
	default:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
}

// wantedFor is what a field of a question takes.
func wantedFor(field string) string {
	switch field {
	case "port", "sourcePort", "dnatPort":
		return fmt.Sprintf("a port, which is a number from 0 to %d", math.MaxUint16)
	case "icmpType", "icmpCode":
		return fmt.Sprintf("a number from 0 to %d", math.MaxUint8)
	case "ipVersion":
		return "4 or 6"
	default:
		return "a text in quotes"
	}
}
