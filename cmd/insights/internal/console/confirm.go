package console

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// NotConfirmed is the error when a person said no, or could not be asked.
type NotConfirmed struct{ Err error }

func (e *NotConfirmed) Error() string { return e.Err.Error() }
func (e *NotConfirmed) Unwrap() error { return e.Err }

// Confirm asks before something that can't be undone, unless yes. Without a terminal it
// fails, giving why and asking for --yes. Its error is a [NotConfirmed].
func (c *Console) Confirm(question, why string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(c.In) {
		return &NotConfirmed{fmt.Errorf("%s: add --yes to confirm", why)}
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(c.In).ReadString('\n') // an error is not a yes
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &NotConfirmed{errors.New("nothing was done")}
}
