// Package metrics exposes metrics of a daemon to Prometheus.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server serves /metrics on its own listener. Labels are routes, states and paths of feeds,
// never something that a visitor chose or that is about one.
type Server struct {
	listener net.Listener
	server   *http.Server
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	mu        sync.Mutex                                 // of those who add to resolved
	resolved  atomic.Pointer[map[answerKind]answerMeter] // replaced, never changed
	collector *collector
}

// answerKind is what tells answers apart.
type answerKind struct {
	route  string
	status int
}

// answerMeter is where answers of one kind are counted.
type answerMeter struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

// Listen listens on an address and serves /metrics there once it is run. Its error is
// about the address.
func Listen(address, version string, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for metrics: %w; stop what uses it, or set another address: INSIGHTS_METRICS_LISTEN=127.0.0.1:9091", address, err)
	}
	if addr, err := netip.ParseAddrPort(listener.Addr().String()); err != nil || !addr.Addr().IsLoopback() {
		log.Warn("metrics endpoint is public: set metrics.listen to a loopback address or restrict access", "listen", listener.Addr().String())
	}
	m := &Server{
		listener: listener,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "insights_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "insights_http_request_duration_seconds", Help: "Time from the header of an HTTP request to the end of its response, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route"}),
	}
	m.resolved.Store(new(map[answerKind]answerMeter))
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "insights_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4,
	}))
	m.server = &http.Server{
		Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	return m, nil
}

// Collect says where figures are looked up when metrics are scraped, in place of an earlier
// source. Calls may not overlap.
func (m *Server) Collect(source Source, log *slog.Logger) {
	if m.collector != nil {
		m.registry.Unregister(m.collector)
	}
	m.collector = &collector{source: source, log: log}
	m.registry.MustRegister(m.collector)
}

// Close closes a server that is not run.
func (m *Server) Close() error { return m.listener.Close() }

// Run serves until ctx is done.
func (m *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { m.server.Close() })()
	if err := m.server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Observe counts an answer. It allocates only for the first of its kind.
func (m *Server) Observe(route string, status int, took time.Duration) {
	meter, ok := (*m.resolved.Load())[answerKind{route, status}]
	if !ok {
		meter = m.resolve(answerKind{route, status})
	}
	meter.count.Inc()
	meter.duration.Observe(took.Seconds())
}

func (m *Server) resolve(kind answerKind) answerMeter {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := maps.Clone(*m.resolved.Load())
	if known == nil {
		known = make(map[answerKind]answerMeter)
	}
	meter, ok := known[kind]
	if !ok {
		route := kind.route
		if route == "" {
			route = "none" // refused before one was found
		}
		meter = answerMeter{m.requests.WithLabelValues(route, strconv.Itoa(kind.status)), m.durations.WithLabelValues(route)}
		known[kind] = meter
		m.resolved.Store(&known)
	}
	return meter
}
