// A small crawler that hands its pages to Trommel: one site from a seed, links as Trommel's records have them.
//
//	embed-go [-trommel PROGRAM] [-out FILE] [-connections N] URL
//
// FILE (standard output) gets the records' msgpack, one after the other: `trommel cat FILE` shows them. Redirects are
// URLs of their own; of robots.txt the plain Disallow lines for everybody are kept. At most N pages (8) are under way.
//
// SPDX-License-Identifier: MIT
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"trommel-stream/trommel"
)

type crawler struct {
	client    *http.Client
	trommel   *trommel.Client
	seed      *url.URL
	forbidden []string
	mutex     sync.Mutex // of what follows
	out       io.Writer
	seen      map[string]bool
	queue     []string
	running   int
	failed    int
	changed   *sync.Cond
}

// The answer as it came: the body keeps its content encoding.
func (c *crawler) get(address string) (*http.Response, []byte, error) {
	request, err := http.NewRequest("GET", address, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip, deflate, br")
	request.Header.Set("User-Agent", "embed-go")
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

// The mutex is held.
func (c *crawler) add(link string, base *url.URL) {
	link, _, _ = strings.Cut(link, "#")
	u, err := base.Parse(link)
	if err != nil || u.Scheme != c.seed.Scheme || u.Host != c.seed.Host {
		return
	}
	for _, path := range c.forbidden {
		if strings.HasPrefix(u.EscapedPath(), path) {
			return
		}
	}
	if key := u.String(); !c.seen[key] {
		c.seen[key] = true
		c.queue = append(c.queue, key)
	}
}

func (c *crawler) visit(address string) error {
	answer, body, err := c.get(address)
	if err != nil {
		return err
	}
	if to := answer.Header.Get("Location"); to != "" && answer.StatusCode/100 == 3 {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.add(to, answer.Request.URL)
		return nil
	}
	now := time.Now()
	page := &trommel.Page{URL: address, Status: answer.StatusCode, Headers: answer.Header, Body: body, FetchedAt: &now}
	record, err := c.trommel.Extract(page)
	if err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, link := range record.Links {
		if !link.NoFollow {
			c.add(link.URL, answer.Request.URL)
		}
	}
	_, err = c.out.Write(record.Bytes)
	return err
}

// One of the connections: until nothing is queued and nobody is at a page.
func (c *crawler) run() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for {
		for len(c.queue) == 0 && c.running > 0 {
			c.changed.Wait()
		}
		if len(c.queue) == 0 {
			return
		}
		address := c.queue[0]
		c.queue = c.queue[1:]
		c.running++
		c.mutex.Unlock()
		err := c.visit(address)
		c.mutex.Lock()
		if err != nil {
			c.failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", address, err)
		}
		c.running--
		c.changed.Broadcast()
	}
}

func (c *crawler) robots() {
	answer, body, err := c.get(c.seed.Scheme + "://" + c.seed.Host + "/robots.txt")
	if err != nil || answer.StatusCode != 200 {
		return
	}
	mine := false
	for _, line := range strings.Split(string(body), "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "user-agent":
			mine = value == "*"
		case "disallow":
			if mine && value != "" {
				c.forbidden = append(c.forbidden, value)
			}
		}
	}
}

func main() {
	program := flag.String("trommel", "trommel", "the program")
	file := flag.String("out", "", "where records go (standard output)")
	connections := flag.Int("connections", 8, "pages under way at a time")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := crawl(*program, *file, *connections, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func crawl(program, file string, connections int, seed string) error {
	c := &crawler{out: os.Stdout, seen: map[string]bool{}}
	c.changed = sync.NewCond(&c.mutex)
	c.client = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: connections},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var err error
	if c.seed, err = url.Parse(seed); err != nil {
		return err
	}
	if file != "" {
		out, err := os.Create(file)
		if err != nil {
			return err
		}
		defer out.Close()
		c.out = out
	}
	if c.trommel, err = trommel.Start(program); err != nil {
		return err
	}
	c.robots()
	c.add(seed, c.seed)
	var all sync.WaitGroup
	for i := 0; i < connections; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			c.run()
		}()
	}
	all.Wait()
	err = c.trommel.Close()
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() == 1 && c.failed == 0 {
		return nil // pages that are none (404 …) have their records
	}
	if err == nil && c.failed > 0 {
		err = fmt.Errorf("%d pages could not be had", c.failed)
	}
	return err
}
