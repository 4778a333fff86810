// What the tests need of the outside: hands that reach the server and the cable before it, and queues of events.
package sdk

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

const patience = 15 * time.Second

var numbers atomic.Int64

func fresh(name string) string {
	return fmt.Sprintf("open.%s-%d-%d", name, os.Getpid(), numbers.Add(1))
}

// hand has the world do something: cut, mend, stop, start, token.
func hand(t *testing.T, deed string, query ...string) string {
	t.Helper()
	values := url.Values{}
	for at := 0; at < len(query); at += 2 {
		values.Set(query[at], query[at+1])
	}
	answer, err := http.Get(os.Getenv("WORLD") + "/" + deed + "?" + values.Encode())
	return read(t, deed, answer, err)
}

// backend publishes with the API key.
func backend(t *testing.T, channel, body, kind string) {
	t.Helper()
	request, err := http.NewRequest("POST", os.Getenv("SERVER_HTTP")+"/pub/"+channel, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("X-API-Key", os.Getenv("API_KEY"))
	answer, err := http.DefaultClient.Do(request)
	read(t, channel, answer, err)
}

func read(t *testing.T, what string, answer *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %v %d %s", what, err, answer.StatusCode, body)
	}
	return string(body)
}

// next waits for an event, and fails rather than hangs.
func next[E any](t *testing.T, events chan E, what string) E {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(patience):
		t.Fatalf("not in %s: %s", patience, what)
		panic("unreachable")
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

type client struct {
	*centrifuge.Client
	connecting   chan centrifuge.ConnectingEvent
	connected    chan centrifuge.ConnectedEvent
	disconnected chan centrifuge.DisconnectedEvent
}

// dial makes a client of one encoding; without credentials of its own it is ann. Who says header fields is known by them.
func (encoding encoding) dial(t *testing.T, address string, config centrifuge.Config) client {
	t.Helper()
	if config.Token == "" && config.GetToken == nil && config.Header == nil {
		config.Token = hand(t, "token", "sub", "ann", "info", `{"name":"Ann"}`)
	}
	config.MinReconnectDelay, config.MaxReconnectDelay = 50*time.Millisecond, 300*time.Millisecond
	one := client{
		Client:       encoding.make(address, config),
		connecting:   make(chan centrifuge.ConnectingEvent, 100),
		connected:    make(chan centrifuge.ConnectedEvent, 100),
		disconnected: make(chan centrifuge.DisconnectedEvent, 100),
	}
	one.OnConnecting(func(event centrifuge.ConnectingEvent) { one.connecting <- event })
	one.OnConnected(func(event centrifuge.ConnectedEvent) { one.connected <- event })
	one.OnDisconnected(func(event centrifuge.DisconnectedEvent) { one.disconnected <- event })
	t.Cleanup(one.Close)
	if err := one.Connect(); err != nil {
		t.Fatal(err)
	}
	return one
}

type listener struct {
	*centrifuge.Subscription
	subscribing  chan centrifuge.SubscribingEvent
	subscribed   chan centrifuge.SubscribedEvent
	unsubscribed chan centrifuge.UnsubscribedEvent
	heard        chan centrifuge.Publication
}

func (one client) listen(t *testing.T, channel string, config centrifuge.SubscriptionConfig) listener {
	t.Helper()
	config.MinResubscribeDelay, config.MaxResubscribeDelay = 50*time.Millisecond, 300*time.Millisecond
	sub, err := one.NewSubscription(channel, config)
	if err != nil {
		t.Fatal(err)
	}
	listener := listener{
		Subscription: sub,
		subscribing:  make(chan centrifuge.SubscribingEvent, 100),
		subscribed:   make(chan centrifuge.SubscribedEvent, 100),
		unsubscribed: make(chan centrifuge.UnsubscribedEvent, 100),
		heard:        make(chan centrifuge.Publication, 1000),
	}
	sub.OnSubscribing(func(event centrifuge.SubscribingEvent) { listener.subscribing <- event })
	sub.OnSubscribed(func(event centrifuge.SubscribedEvent) { listener.subscribed <- event })
	sub.OnUnsubscribed(func(event centrifuge.UnsubscribedEvent) { listener.unsubscribed <- event })
	sub.OnPublication(func(event centrifuge.PublicationEvent) { listener.heard <- event.Publication })
	if err := sub.Subscribe(); err != nil {
		t.Fatal(err)
	}
	return listener
}
