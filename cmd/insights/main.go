// Command insights publishes a folder of Markdown articles as a site, as feeds and
// as email digests. It is both the daemon and the command line for staff.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // time zones on machines that have none installed

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err))
}

// run is the whole program: nothing else reads the arguments or the environment.
// The error has been shown to the user when run returns it.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	p := &program{
		env: environment(environ),
		out: &console.Console{In: stdin, Out: &console.Output{Writer: stdout}, Err: stderr},
	}
	root := rootCommand(p)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(p.out.Out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = p.out.Out.Failed
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil && !is[*shown](err) {
		p.out.Note("insights: %s", strings.TrimPrefix(err.Error(), "insights: "))
	}
	return err
}

// program is what every command shares: its surroundings and its global flags.
type program struct {
	env        map[string]string
	out        *console.Console
	configFile string // --config
}

// config reads the configuration.
func (p *program) config() (config.Config, error) { return config.Read(p.configFile, p.env) }

// publication opens what is published. It needs no database.
func (p *program) publication(ctx context.Context) (*app.Publication, error) {
	c, err := p.config()
	if err != nil {
		return nil, err
	}
	return app.OpenPublication(ctx, c)
}

// withConfig makes a command of a function that needs the configuration.
func (p *program) withConfig(run func(ctx context.Context, c config.Config, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := p.config()
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, args)
	}
}

// withApp makes a command of a function that needs an open App.
func (p *program) withApp(run func(ctx context.Context, a *app.App, args []string) error) func(*cobra.Command, []string) error {
	return p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
		// For warnings; a command's result does not go through the log.
		log := slog.New(slog.NewTextHandler(p.out.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
		if !signal.Ignored(syscall.SIGHUP) { // a terminal that is closed ends it in good order
			var stop context.CancelFunc
			ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
			defer stop()
		}
		a, err := app.Open(ctx, c, log)
		if err != nil {
			return err
		}
		defer a.Close()
		return run(ctx, a, args)
	})
}

// withLinks is withApp for what makes or checks links, and so needs the secret.
func (p *program) withLinks(run func(ctx context.Context, a *app.App, args []string) error) func(*cobra.Command, []string) error {
	return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
		if err := a.CanLink(ctx); err != nil {
			return err
		}
		return run(ctx, a, args)
	})
}

// environment turns "KEY=value" lines into a map.
func environment(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		if key, value, ok := strings.Cut(line, "="); ok {
			env[key] = value
		}
	}
	return env
}

func versionCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			commit := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			short := ""
			if commit != "" {
				short = ", commit " + commit[:min(12, len(commit))]
			}
			p.out.Line("insights %s%s, %s", app.Version, short, runtime.Version())
			return p.out.Document(map[string]string{"version": app.Version, "commit": commit, "go": runtime.Version()})
		},
	}
}
