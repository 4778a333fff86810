// A server whose clients are let in, and answered, by a back end.
package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"testing"

	"github.com/centrifugal/centrifuge-go"
)

// proxied makes a client of that server, which the back end knows by a header field.
func (encoding encoding) proxied(t *testing.T, user string, config centrifuge.Config) client {
	t.Helper()
	config.Header = http.Header{}
	if user != "" {
		config.Header.Set("X-User", user)
	}
	return encoding.dial(t, os.Getenv("PROXIED_WS"), config)
}

// asked says what the back end was asked about a client.
func asked(t *testing.T, path, client string) []map[string]any {
	t.Helper()
	var questions []struct{ Body map[string]any }
	if err := json.Unmarshal([]byte(hand(t, "asked", "path", path, "client", client)), &questions); err != nil {
		t.Fatal(err)
	}
	var bodies []map[string]any
	for _, question := range questions {
		bodies = append(bodies, question.Body)
	}
	return bodies
}

func same(t *testing.T, got any, want string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Fatalf("%v, not %s", got, want)
	}
}

func TestABackEndSaysWhoConnects(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.proxied(t, "ann", centrifuge.Config{Name: "script", Version: "7", Data: []byte(`{"wish":"in"}`)})
		hello := next(t, one.connected, "connected")
		if string(hello.Data) != `{"hello":"ann"}` {
			t.Fatalf("%s", hello.Data)
		}
		questions := asked(t, "/connect", hello.ClientID)
		spoken := map[string]string{"JSON": "json", "Protobuf": "protobuf"}[encoding.name]
		const want = `{"client":%q,"transport":"websocket","protocol":%q,"encoding":"json","name":"script","version":"7","data":{"wish":"in"}}`
		if len(questions) != 1 {
			t.Fatal(questions)
		}
		same(t, any(questions[0]), fmt.Sprintf(want, hello.ClientID, spoken))
		if nobody := next(t, encoding.proxied(t, "", centrifuge.Config{}).disconnected, "disconnected"); nobody.Code != 4501 {
			t.Fatal(nobody)
		}
		if late := next(t, encoding.proxied(t, "late", centrifuge.Config{}).disconnected, "disconnected"); late.Code != 4242 {
			t.Fatal(late)
		}
	})
}

func TestABackEndAnswersForSubscriptionsAndPublications(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.proxied(t, "ann", centrifuge.Config{})
		hello := next(t, one.connected, "connected")
		sub := one.listen(t, "asked:"+fresh("open"), centrifuge.SubscriptionConfig{Data: []byte("[1]")})
		if context := next(t, sub.subscribed, "subscribed"); string(context.Data) != `{"of":"ann"}` {
			t.Fatalf("%s", context.Data)
		}
		questions := asked(t, "/subscribe", hello.ClientID)
		if len(questions) != 1 {
			t.Fatal(questions)
		}
		same(t, questions[0]["data"], "[1]")
		same(t, questions[0]["meta"], `{"tenant":7}`)
		_, err := sub.Publish(soon(t), []byte(`{"text":"hi"}`))
		wants(t, err, 0)
		heard := next(t, sub.heard, "the publication")
		if string(heard.Data) != `{"text":"HI"}` || heard.Tags["k"] != "v" || heard.Info == nil || heard.Info.User != "ann" {
			t.Fatalf("%s %+v", heard.Data, heard)
		}
		_, err = sub.Publish(soon(t), []byte(`{"bad":true}`))
		wants(t, err, 1000)
		closed := one.listen(t, "asked:closed", centrifuge.SubscriptionConfig{})
		if got := next(t, closed.unsubscribed, "unsubscribed").Code; got != 403 {
			t.Fatal(got)
		}
	})
}

func TestABackEndAnswersCalls(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.proxied(t, "ann", centrifuge.Config{})
		hello := next(t, one.connected, "connected")
		answer, err := one.RPC(soon(t), "sum", []byte("[1,2]"))
		wants(t, err, 0)
		var told any
		if err := json.Unmarshal(answer.Data, &told); err != nil {
			t.Fatal(err)
		}
		same(t, told, `{"sum":3,"user":"ann"}`)
		_, err = one.RPC(soon(t), "fail", []byte("[]"))
		wants(t, err, 1234)
		questions := asked(t, "/rpc", hello.ClientID)
		if len(questions) != 2 || questions[0]["method"] != "sum" {
			t.Fatal(questions)
		}
		same(t, questions[0]["meta"], `{"tenant":7}`)
	})
}

func TestASessionLastsAsLongAsTheBackEndSays(t *testing.T) {
	both(t, func(t *testing.T, encoding encoding) {
		one := encoding.proxied(t, "ann", centrifuge.Config{Data: []byte(`{"wish":"brief"}`)})
		hello := next(t, one.connected, "connected")
		next(t, one.connecting, "connecting")
		if again := next(t, one.connecting, "connecting again"); again.Code != 3005 {
			t.Fatal(again)
		}
		if questions := asked(t, "/refresh", hello.ClientID); len(questions) != 2 {
			t.Fatal(questions)
		}
	})
}
