// Package trommel hands pages to `trommel extract --stream` and gives their records back.
//
//	t, err := trommel.Start("trommel")
//	record, err := t.Extract(&trommel.Page{URL: url, Headers: header, Body: body})
//	err = t.Close()
//
// Extract blocks while Trommel does not read, so crawlers are slowed to the pace of the workers. Any number of goroutines
// may call it at a time; pages are told apart by their IDs (else URLs): two that are on their way must not have the same.
//
// SPDX-License-Identifier: MIT
package trommel

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Page is what was fetched. Only Body must be there, as it was received.
type Page struct {
	ID              string              `msgpack:"id,omitempty"`
	URL             string              `msgpack:"url,omitempty"`
	FinalURL        string              `msgpack:"final_url,omitempty"`
	Status          int                 `msgpack:"status,omitempty"`
	Headers         map[string][]string `msgpack:"headers,omitempty"`
	ContentEncoding *string             `msgpack:"content_encoding,omitempty"` // "": Body is decoded already
	FetchedAt       *time.Time          `msgpack:"fetched_at,omitempty"`
	DeadlineMS      uint32              `msgpack:"deadline_ms,omitempty"`
	Body            []byte              `msgpack:"body"`
}

// Record holds what most callers want of a record; Bytes is all of it, as it came.
type Record struct {
	ID      interface{} `msgpack:"id"`
	URL     string      `msgpack:"url"`
	Outcome struct {
		Code   string `msgpack:"code"`
		Reason string `msgpack:"reason"`
	} `msgpack:"outcome"`
	Content struct {
		Text     string `msgpack:"text"`
		Markdown string `msgpack:"markdown"`
	} `msgpack:"content"`
	Links []struct {
		URL      string `msgpack:"url"`
		NoFollow bool   `msgpack:"nofollow"`
	} `msgpack:"links"`
	Bytes []byte `msgpack:"-"`
}

// Client is a running Trommel.
type Client struct {
	command *exec.Cmd
	in      io.WriteCloser
	writing sync.Mutex
	mutex   sync.Mutex // of what follows
	waiting map[string]chan *Record
	n       int
	failed  error
	ended   chan struct{}
}

// Start runs `program extract --stream args…`; with --out SINK the records are short answers.
func Start(program string, args ...string) (*Client, error) {
	c := &Client{waiting: map[string]chan *Record{}, ended: make(chan struct{})}
	c.command = exec.Command(program, append([]string{"extract", "--stream"}, args...)...)
	c.command.Stderr = os.Stderr
	var err error
	if c.in, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = c.command.Start(); err != nil {
		return nil, err
	}
	go c.read(bufio.NewReaderSize(out, 1<<16))
	return c, nil
}

// Extract gives the page's record.
func (c *Client) Extract(page *Page) (*Record, error) {
	answer, p := make(chan *Record, 1), *page
	if err := c.expect(&p, answer); err != nil {
		return nil, err
	}
	frame, err := msgpack.Marshal(&p)
	if err != nil {
		return nil, err
	}
	c.write(frame) // that it ended is told by c.ended
	select {
	case record := <-answer:
		return record, nil
	case <-c.ended:
		select {
		case record := <-answer:
			return record, nil
		default:
			return nil, c.failed
		}
	}
}

// Close says that there are no more pages and waits until all are answered. An *exec.ExitError with status 1 says that
// some pages have failed, 3 that Trommel could not go on.
func (c *Client) Close() error {
	c.in.Close()
	<-c.ended
	return c.command.Wait()
}

func (c *Client) expect(p *Page, answer chan *Record) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if p.ID == "" {
		p.ID = p.URL
	}
	if p.ID == "" {
		c.n++
		p.ID = fmt.Sprintf("page %d", c.n)
	}
	if _, is := c.waiting[p.ID]; is {
		return fmt.Errorf("%s: a page of this id is on its way already", p.ID)
	}
	c.waiting[p.ID] = answer
	return nil
}

func (c *Client) write(frame []byte) {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(frame)))
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.in.Write(head[:]); err == nil {
		c.in.Write(frame)
	}
}

// The reader: until Trommel ends.
func (c *Client) read(out io.Reader) {
	var head [4]byte
	err := error(nil)
	for err == nil {
		if _, err = io.ReadFull(out, head[:]); err != nil {
			break
		}
		record := &Record{Bytes: make([]byte, binary.BigEndian.Uint32(head[:]))}
		if _, err = io.ReadFull(out, record.Bytes); err == nil {
			err = msgpack.Unmarshal(record.Bytes, record)
		}
		if err == nil {
			c.give(record)
		}
	}
	c.failed = fmt.Errorf("trommel: it ended (%v); standard error says more", err)
	close(c.ended)
}

func (c *Client) give(record *Record) {
	id, _ := record.ID.(string)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if answer := c.waiting[id]; answer != nil {
		answer <- record
		delete(c.waiting, id)
	}
}
