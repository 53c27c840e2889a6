package newsletter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cronField is what one field of a cron line may hold.
type cronField struct {
	name        string
	first, last int
	names       []string // of first, and what follows it
}

var cronFields = []cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"weekday", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

const fiveFields = `write five fields (minute, hour, day of the month, month, weekday), for example "0 9 * * 1"`

// cronWords are the lines of one word that the parser knows.
var cronWords = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// checkFields says which field of a cron line is wrong, and why.
func checkFields(line string) error {
	fields := strings.Fields(line)
	switch {
	case strings.Contains(line, "TZ="):
		return errors.New("the time zone has no place in it: set time_zone instead")
	case strings.HasPrefix(line, "@every"):
		return errors.New("a schedule needs times of day, not a distance: " + fiveFields)
	case strings.HasPrefix(line, "@"):
		if !slices.Contains(cronWords, line) {
			return fmt.Errorf("%s is unknown: write one of %s, or five fields", line, strings.Join(cronWords, ", "))
		}
		return nil
	case len(fields) == 0:
		return errors.New("it is empty: " + fiveFields)
	case len(fields) == 1:
		return errors.New("it has one field: " + fiveFields)
	case len(fields) == len(cronFields)+1:
		return errors.New("it has 6 fields; cron has no seconds here: " + fiveFields)
	case len(fields) != len(cronFields):
		return fmt.Errorf("it has %d fields: %s", len(fields), fiveFields)
	}
	var errs []error
	for i, f := range cronFields {
		for item := range strings.SplitSeq(fields[i], ",") {
			if problem := f.problem(item); problem != "" {
				errs = append(errs, fmt.Errorf("%s %q %s", f.name, item, problem))
				break
			}
		}
	}
	return joinInOneLine(errs)
}

func joinInOneLine(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	words := make([]string, len(errs))
	for i, err := range errs {
		words[i] = err.Error()
	}
	return errors.New(strings.Join(words, "; "))
}

// problem says what is wrong with a value, a range or a step; "" when nothing is.
func (f cronField) problem(item string) string {
	span, step, stepped := strings.Cut(item, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || step[0] == '+') {
		return "must have a whole number of 1 or more after the /"
	}
	if span == "*" || span == "?" {
		return ""
	}
	first, last, ranged := strings.Cut(span, "-")
	from, problem := f.value(first)
	to := from
	if problem == "" && ranged {
		to, problem = f.value(last)
	}
	sunday := f.last == 7 && from == 7 // is 0, too
	switch {
	case problem != "":
		return problem
	case sunday && (stepped || ranged && to == 7):
		return "begins with 7: write 0 for Sunday"
	case to < from && !sunday:
		return "ends before it begins: write two ranges with a comma between them"
	}
	return ""
}

func (f cronField) value(s string) (n int, problem string) {
	if i := slices.Index(f.names, strings.ToLower(s)); i >= 0 {
		return f.first + i, ""
	}
	n, err := strconv.Atoi(s)
	switch {
	case s == "":
		return 0, "lacks a number"
	case err == nil && s[0] != '+' && n >= f.first && n <= f.last:
		return n, ""
	case strings.Contains(s, "#"), strings.ContainsAny(s, "LW") && strings.Trim(s, "0123456789LW") == "":
		return 0, "is not understood, nor is anything with L, W or #: write days as numbers, such as 1-7"
	}
	words := fmt.Sprintf("is not one of %d to %d", f.first, f.last)
	if f.names != nil {
		words += fmt.Sprintf(", or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return 0, words
}
