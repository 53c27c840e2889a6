package app

import (
	"errors"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/staticsite"
)

// Unusable says that the configuration, the insights or the database can't be used as
// they are: nothing was tried.
type Unusable struct{ Err error }

func (e *Unusable) Error() string { return e.Err.Error() }
func (e *Unusable) Unwrap() error { return e.Err }

// Partly says that something was done in part, or needs a person.
type Partly struct{ Err error }

func (e *Partly) Error() string { return e.Err.Error() }
func (e *Partly) Unwrap() error { return e.Err }

// Invalid says that what was asked for can't be done as it was put.
type Invalid struct{ Err error }

func (e *Invalid) Error() string { return e.Err.Error() }
func (e *Invalid) Unwrap() error { return e.Err }

// ErrLocked says that another process sends from the database.
var ErrLocked = database.ErrLocked

func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &Unusable{err}
}

// unfit gives an error about a folder its class.
func unfit(err error) error {
	if _, ok := errors.AsType[*staticsite.Unfit](err); ok {
		return &Invalid{err}
	}
	return err
}
