package database_test

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	goexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// writesReason matches a statement that contains a reason of its own.
var writesReason = regexp.MustCompile(`\breason = '[^']`)

// TestTheDatabaseGivesNoReasons: newsletter says why a delivery, a digest or a slot is in
// its state. The database scans and stores reasons, and contains none.
func TestTheDatabaseGivesNoReasons(t *testing.T) {
	files, info := typeCheck(t)
	isReason := func(t types.Type) bool {
		named, ok := t.(*types.Named)
		return ok && named.Obj().Name() == "Reason" && strings.HasSuffix(named.Obj().Pkg().Path(), "/newsletter")
	}
	for _, file := range files {
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			tv := info.Types[e]
			if tv.Value != nil && isReason(tv.Type) {
				if _, isName := ast.Unparen(e).(*ast.SelectorExpr); !isName { // newsletter.ReasonGone is newsletter's
					t.Errorf("%s: a reason of the database's own", file.at(e))
				}
			}
			if tv.Value != nil && tv.Value.Kind() == constant.String && writesReason.MatchString(constant.StringVal(tv.Value)) {
				t.Errorf("%s: a statement with a reason in it", file.at(e))
			}
			if call, ok := e.(*ast.CallExpr); ok && info.Types[call.Fun].IsType() && isReason(info.Types[call.Fun].Type) {
				t.Errorf("%s: a text becomes a reason", file.at(e))
			}
			return true
		})
	}
}

// TestLimitsStandTogether: the numbers and durations that the package chooses are in
// limits.go, each with its reason.
func TestLimitsStandTogether(t *testing.T) {
	files, info := typeCheck(t)
	for _, file := range files {
		if file.name == "limits.go" {
			continue
		}
		for _, d := range file.syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST && g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, value := range spec.(*ast.ValueSpec).Values {
					v := info.Types[value].Value
					list, isList := value.(*ast.CompositeLit)
					if v != nil && v.Kind() == constant.Int && v.ExactString() != "0" || isList && len(list.Elts) > 0 && isNumber(list.Elts[0]) {
						t.Errorf("%s: a number; put it into limits.go, with its reason", file.at(value))
					}
				}
			}
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			if e, ok := n.(*ast.BinaryExpr); ok && info.Types[e].Value != nil {
				if named, ok := info.Types[e].Type.(*types.Named); ok && named.Obj().Name() == "Duration" {
					t.Errorf("%s: a duration; put it into limits.go, with its reason", file.at(e))
				}
			}
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(f.Sel.Name, "SetMax") && len(call.Args) == 1 && isNumber(call.Args[0]) && call.Args[0].(*ast.BasicLit).Value != "1" {
					t.Errorf("%s: the size of a pool; put it into limits.go, with its reason", file.at(call))
				}
			}
			return true
		})
	}
}

func isNumber(e ast.Expr) bool {
	basic, ok := e.(*ast.BasicLit)
	return ok && basic.Kind == token.INT
}

// sourceFile is a file of the package.
type sourceFile struct {
	name   string
	syntax *ast.File
	fset   *token.FileSet
}

func (f sourceFile) at(n ast.Node) token.Position { return f.fset.Position(n.Pos()) }

// typeCheck type-checks the package as the compiler does. Its imports come from the
// build cache.
func typeCheck(t *testing.T) ([]sourceFile, *types.Info) {
	t.Helper()
	out, err := goexec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []sourceFile
	var syntax []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files, syntax = append(files, sourceFile{name, f, fset}), append(syntax, f)
	}
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	if _, err := config.Check("database", fset, syntax, info); err != nil {
		t.Fatal(err)
	}
	return files, info
}
