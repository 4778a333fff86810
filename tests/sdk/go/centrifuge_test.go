// Centrifugo's published Go client in both encodings. Run by outside.py, which brings the server and the cable before it.
package sdk

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

type encoding struct {
	name string
	make func(string, centrifuge.Config) *centrifuge.Client
}

var encodings = []encoding{{"JSON", centrifuge.NewJsonClient}, {"Protobuf", centrifuge.NewProtobufClient}}

var server = os.Getenv("SERVER_WS")

// both runs a test in each encoding.
func both(t *testing.T, test func(*testing.T, encoding)) {
	for _, encoding := range encodings {
		t.Run(encoding.name, func(t *testing.T) { test(t, encoding) })
	}
}

func code(err error) uint32 {
	var refused *centrifuge.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

func TestConnectsPublishesAndHearsWhoPublished(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.dial(t, server, centrifuge.Config{})
		hello := next(t, one.connected, "connected")
		sub := one.listen(t, fresh("own"), centrifuge.SubscriptionConfig{})
		next(t, sub.subscribed, "subscribed")
		data := "{\"text\":\"größer \\\"und\\\" 🚀\",\"list\":[1,2.5,null]}"
		if _, err := sub.Publish(soon(t), []byte(data)); err != nil {
			t.Fatal(err)
		}
		heard := next(t, sub.heard, "the publication")
		if string(heard.Data) != data || heard.Offset != 1 {
			t.Fatalf("%s at %d", heard.Data, heard.Offset)
		}
		info := heard.Info
		if len(hello.ClientID) != 36 || info == nil || info.Client != hello.ClientID || info.User != "ann" || string(info.ConnInfo) != `{"name":"Ann"}` {
			t.Fatalf("%+v is not %s", info, hello.ClientID)
		}
	})
}

func TestRefreshesItsTokensAndStays(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		var fetched, fetchedForSub atomic.Int32
		ttl := func(count *atomic.Int32) string {
			if count.Add(1) > 1 {
				return "60"
			}
			return "2"
		}
		one := encoding.dial(t, server, centrifuge.Config{GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) {
			return hand(t, "token", "sub", "ann", "ttl", ttl(&fetched)), nil
		}})
		next(t, one.connected, "connected")
		next(t, one.connecting, "connecting")
		sub := one.listen(t, "closed."+encoding.name, centrifuge.SubscriptionConfig{GetToken: func(event centrifuge.SubscriptionTokenEvent) (string, error) {
			return hand(t, "token", "sub", "ann", "channel", event.Channel, "ttl", ttl(&fetchedForSub)), nil
		}})
		next(t, sub.subscribed, "subscribed")
		backend(t, "closed."+encoding.name, "1", "application/json")
		next(t, sub.heard, "a publication of the closed channel")
		time.Sleep(4500 * time.Millisecond)
		if fetched.Load() != 2 || fetchedForSub.Load() != 2 || len(one.connecting) > 0 || len(sub.unsubscribed) > 0 {
			t.Fatal(fetched.Load(), fetchedForSub.Load(), len(one.connecting), len(sub.unsubscribed))
		}
	})
}

func TestIsToldInCodes(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		refused := encoding.dial(t, server, centrifuge.Config{Token: "none of ours"})
		if got := next(t, refused.disconnected, "disconnected").Code; got != 3500 {
			t.Fatal(got)
		}
		one := encoding.dial(t, server, centrifuge.Config{})
		next(t, one.connected, "connected")
		closed := one.listen(t, "closed.a", centrifuge.SubscriptionConfig{})
		if got := next(t, closed.unsubscribed, "unsubscribed").Code; got != 103 {
			t.Fatal(got)
		}
		_, err := one.Publish(soon(t), strings.Repeat("x", 256), []byte("1"))
		wants(t, err, 102)
		_, err = one.Publish(soon(t), "closed.a", []byte("1"))
		wants(t, err, 103)
		_, err = one.History(soon(t), "unknown")
		wants(t, err, 102)
		_, err = one.RPC(soon(t), "method", []byte("1"))
		wants(t, err, 108)
		_, err = one.Publish(soon(t), fresh("still"), []byte("1"))
		wants(t, err, 0)
	})
}

func wants(t *testing.T, err error, want uint32) {
	t.Helper()
	if got := code(err); got != want || (err == nil) != (want == 0) {
		t.Fatalf("%d wanted: %v", want, err)
	}
}

func TestSeesWhoIsThere(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		channel := fresh("presence")
		ann := encoding.dial(t, server, centrifuge.Config{})
		hello := next(t, ann.connected, "connected")
		sub := ann.listen(t, channel, centrifuge.SubscriptionConfig{})
		next(t, sub.subscribed, "subscribed")
		bob := encoding.dial(t, server, centrifuge.Config{Token: hand(t, "token", "sub", "bob")})
		other := bob.listen(t, channel, centrifuge.SubscriptionConfig{})
		next(t, other.subscribed, "subscribed")
		presence, err := sub.Presence(soon(t))
		wants(t, err, 0)
		stats, err := sub.PresenceStats(soon(t))
		wants(t, err, 0)
		there := presence.Clients[hello.ClientID]
		if len(presence.Clients) != 2 || there.User != "ann" || string(there.ConnInfo) != `{"name":"Ann"}` || stats.NumClients != 2 || stats.NumUsers != 2 {
			t.Fatalf("%+v %+v", presence, stats)
		}
		if err := other.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; {
			if stats, err := sub.PresenceStats(soon(t)); err != nil || time.Now().After(deadline) {
				t.Fatal(stats, err)
			} else if stats.NumClients == 1 {
				break
			}
		}
	})
}

func TestReadsHistory(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.dial(t, server, centrifuge.Config{})
		sub := one.listen(t, fresh("history"), centrifuge.SubscriptionConfig{})
		next(t, sub.subscribed, "subscribed")
		for number := 1; number <= 5; number++ {
			_, err := sub.Publish(soon(t), []byte(fmt.Sprint(number)))
			wants(t, err, 0)
		}
		top, err := sub.History(soon(t))
		if err != nil || len(top.Publications) > 0 || top.Offset != 5 {
			t.Fatal(top, err)
		}
		since := func(offset uint64, epoch string) centrifuge.HistoryOption {
			return centrifuge.WithHistorySince(&centrifuge.StreamPosition{Offset: offset, Epoch: epoch})
		}
		limit := centrifuge.WithHistoryLimit
		for want, options := range map[string][]centrifuge.HistoryOption{
			"1 2 3 4 5": {limit(-1)},
			"5 4":       {limit(2), centrifuge.WithHistoryReverse(true)},
			"3 4":       {limit(2), since(2, top.Epoch)},
		} {
			page, err := sub.History(soon(t), options...)
			var got []string
			for _, one := range page.Publications {
				got = append(got, string(one.Data))
			}
			if strings.Join(got, " ") != want || err != nil {
				t.Fatal(got, want, err)
			}
		}
		_, err = sub.History(soon(t), since(1, "AAAAAB"))
		wants(t, err, 112)
	})
}

func TestMissesNothingWhenTheLineIsCut(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.dial(t, os.Getenv("CABLE_WS"), centrifuge.Config{})
		channel := fresh("kept")
		sub := one.listen(t, channel, centrifuge.SubscriptionConfig{Recoverable: true, Positioned: true})
		context := next(t, sub.subscribed, "subscribed")
		next(t, sub.subscribing, "subscribing")
		if !context.Recoverable || !context.Positioned {
			t.Fatalf("%+v", context)
		}
		for round := uint64(0); round < 2; round++ {
			hand(t, "cut")
			next(t, sub.subscribing, "subscribing again")
			for number := 20*round + 1; number <= 20*round+20; number++ {
				backend(t, channel, fmt.Sprint(number), "application/json")
			}
			hand(t, "mend")
			context := next(t, sub.subscribed, "subscribed again")
			if !context.WasRecovering || !context.Recovered {
				t.Fatalf("%+v", context)
			}
			for number := 20*round + 1; number <= 20*round+20; number++ {
				heard := next(t, sub.heard, "what was missed")
				if string(heard.Data) != fmt.Sprint(number) || heard.Offset != number {
					t.Fatalf("%s at %d, not %d", heard.Data, heard.Offset, number)
				}
			}
		}
	})
}

func TestBytesGoToThoseWhoCanHearThem(t *testing.T) {
	json := encodings[0].dial(t, server, centrifuge.Config{})
	protobuf := encodings[1].dial(t, server, centrifuge.Config{})
	channel := fresh("bytes")
	deaf, hearing := json.listen(t, channel, centrifuge.SubscriptionConfig{}), protobuf.listen(t, channel, centrifuge.SubscriptionConfig{})
	next(t, deaf.subscribed, "subscribed")
	next(t, hearing.subscribed, "subscribed")
	bytes := "\x00\xff\x80{"
	_, err := hearing.Publish(soon(t), []byte(bytes))
	wants(t, err, 0)
	if heard := next(t, hearing.heard, "the bytes"); string(heard.Data) != bytes {
		t.Fatalf("%q", heard.Data)
	}
	if got := next(t, json.disconnected, "disconnected").Code; got != 3506 {
		t.Fatal(got)
	}
}

func TestAnswersPingsAndComesBackAfterARestart(t *testing.T) {
	var clients []client
	for _, encoding := range encodings {
		one := encoding.dial(t, server, centrifuge.Config{})
		next(t, one.connected, "connected")
		next(t, one.connecting, "connecting")
		clients = append(clients, one)
	}
	time.Sleep(5 * time.Second)
	for _, one := range clients {
		if len(one.connecting) > 0 {
			t.Fatal("a client that answers pings stays")
		}
	}
	hand(t, "stop")
	for _, one := range clients {
		if got := next(t, one.connecting, "connecting").Code; got != 3001 {
			t.Fatal(got)
		}
	}
	hand(t, "start")
	for _, one := range clients {
		next(t, one.connected, "connected again")
	}
}
