package newsletter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// anyValue is the bit by which the parser of cron lines marks a field that is not
// restricted.
const anyValue = 1 << 63

// checkCron reports what is wrong with a cron line.
func checkCron(line string) error {
	spec, err := parseCron(line)
	if err == nil && spec.Next(someYear).IsZero() {
		err = errors.New("it never comes: no month that it names has such a day")
	}
	return err
}

// parseCron reads a cron line of five fields. It refuses a line that would run on other
// days than its author means.
func parseCron(line string) (*cron.SpecSchedule, error) {
	if err := checkFields(line); err != nil {
		return nil, err
	}
	parsed, err := cron.ParseStandard(cronLine(line))
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, fiveFields)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	switch {
	case !ok:
		return nil, errors.New("a schedule needs times of day")
	case spec.Dom&anyValue == 0 && spec.Dow&anyValue == 0:
		return nil, errors.New(`it restricts both the day of the month and the weekday, and cron runs it on either ("1-7 * 1" means every Monday, and the first seven days): write * for one of them`)
	}
	return spec, nil
}

// someYear is before a leap year: what does not come in the five years after, which is as
// far as the parser looks, never comes.
var someYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// cronLine is a cron line as the parser reads it: Sunday is 0 and may be written 7.
func cronLine(line string) string {
	fields := strings.Fields(line)
	if len(fields) != 5 || !strings.Contains(fields[4], "7") {
		return line
	}
	days := strings.Split(fields[4], ",")
	for i, day := range days {
		span, step, stepped := strings.Cut(day, "/")
		first, last, ranged := strings.Cut(span, "-")
		switch {
		case day == "7":
			days[i] = "0"
		case ranged && last == "7" && !stepped && first != "7":
			days[i] = first + "-6,0"
		case ranged && first == "7" && last != "7" && !stepped:
			days[i] = "0-" + last
		case ranged && last == "7" && stepped:
			days[i] = everyNth(first, step)
		}
	}
	fields[4] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// everyNth writes out "1-7/2" as "1,3,5,0". What is not understood stays, to be refused.
func everyNth(first, step string) string {
	var from, by int
	if _, err := fmt.Sscanf(first+" "+step, "%d %d", &from, &by); err != nil || by < 1 || from < 0 || from > 7 {
		return first + "-7/" + step
	}
	var days []string
	for day := from; day <= 7; day += by {
		days = append(days, itoa(day%7))
	}
	slices.Sort(days)
	return strings.Join(slices.Compact(days), ",")
}

// Notes are what the author of a schedule may not have thought of.
func (s *Schedule) Notes() (notes []string) {
	spec, err := parseCron(s.Cron)
	if err != nil || spec.Dom&anyValue != 0 {
		return nil
	}
	for _, last := range []int{31, 30, 29} {
		only := spec.Dom&(1<<last) != 0 && spec.Dom&((1<<last)-1) == 0
		if !only {
			continue
		}
		shorter := map[int]string{31: "the months that have 30 days or fewer", 30: "February", 29: "February, except in leap years"}[last]
		notes = append(notes, fmt.Sprintf("schedule %q: cron %q skips %s; for every month, name a day up to 28", s.Name, s.Cron, shorter))
	}
	return notes
}
