package database

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// connector opens connections to PostgreSQL that read statements as they are
// written here: see inPostgres. begin prepares each.
func connector(config pgx.ConnConfig, begin func(context.Context, *pgx.Conn) error) driver.Connector {
	return &postgresConnector{Connector: stdlib.GetConnector(config, stdlib.OptionAfterConnect(begin))}
}

type postgresConnector struct {
	driver.Connector
	texts sync.Map // statement → what PostgreSQL reads
}

func (c *postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	own, ok := conn.(*stdlib.Conn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("unexpected connection %T", conn)
	}
	return &postgresConn{own, c}, nil
}

func (c *postgresConnector) text(statement string) string {
	if text, ok := c.texts.Load(statement); ok {
		return text.(string)
	}
	text := inPostgres(statement)
	c.texts.Store(statement, text)
	return text
}

type postgresConn struct {
	*stdlib.Conn
	connector *postgresConnector
}

func (c *postgresConn) Prepare(statement string) (driver.Stmt, error) {
	return c.Conn.Prepare(c.connector.text(statement))
}

func (c *postgresConn) PrepareContext(ctx context.Context, statement string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, c.connector.text(statement))
}

func (c *postgresConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, c.connector.text(statement), args)
}

func (c *postgresConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, c.connector.text(statement), args)
}

// CheckNamedValue passes values as for SQLite, except for text that PostgreSQL can't
// store: what a mail server answers, or a form sends, may not be UTF-8, and must not
// prevent the result of an email from being recorded.
func (c *postgresConn) CheckNamedValue(v *driver.NamedValue) error {
	switch list := v.Value.(type) {
	case []int64:
		return nil
	case []string:
		for i, s := range list {
			list[i] = fit(s)
		}
		return nil
	}
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	if s, ok := value.(string); ok {
		value = fit(s)
	}
	v.Value = value
	return nil
}

func fit(s string) string {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	return s
}

// inPostgres translates a statement for PostgreSQL: ?1 becomes $1, and the content of a
// comment that begins with /*pg becomes part of it. Literals are not changed.
func inPostgres(statement string) string {
	var b strings.Builder
	comment := false
	for i := 0; i < len(statement); i++ {
		rest := statement[i:]
		switch {
		case rest[0] == '\'':
			end := strings.IndexByte(rest[1:], '\'')
			if end < 0 {
				b.WriteString(rest)
				return b.String()
			}
			b.WriteString(rest[:end+2])
			i += end + 1
		case strings.HasPrefix(rest, "/*pg "):
			comment = true
			i += len("/*pg ") - 1
		case comment && strings.HasPrefix(rest, "*/"):
			comment = false
			i++
		case rest[0] == '?' && len(rest) > 1 && '0' <= rest[1] && rest[1] <= '9':
			b.WriteByte('$')
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}
