// Centrifugo's published Java client, which speaks nothing but Protobuf. Run by outside.py, which brings the server and the
// cable before it.
import io.github.centrifugal.centrifuge.*;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public class CentrifugeTest {
    static final int PATIENCE_S = 15;
    static final String SERVER = System.getenv("SERVER_WS");
    static final AtomicInteger numbers = new AtomicInteger();
    static final List<Client> clients = new ArrayList<>();
    static final HttpClient http = HttpClient.newHttpClient();

    interface Scenario { void play() throws Exception; }

    public static void main(String[] arguments) throws Exception {
        int failed = 0, passed = 0;
        for (Object[] one : new Object[][] {
            {"connects, publishes, hears who published", (Scenario) CentrifugeTest::publishes},
            {"refreshes its tokens and stays", (Scenario) CentrifugeTest::refreshes},
            {"is told in codes", (Scenario) CentrifugeTest::isToldInCodes},
            {"sees who is there", (Scenario) CentrifugeTest::presence},
            {"reads history", (Scenario) CentrifugeTest::readsHistory},
            {"misses nothing when the line is cut", (Scenario) CentrifugeTest::recovers},
            {"answers pings, and comes back after a restart", (Scenario) CentrifugeTest::comesBack},
        }) {
            try {
                ((Scenario) one[1]).play();
                passed++;
                System.out.println("ok: " + one[0]);
            } catch (Throwable error) {
                failed++;
                System.out.println("FAILED: " + one[0]);
                error.printStackTrace(System.out);
            }
            for (Client client : clients) client.disconnect();
            clients.clear();
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static void publishes() throws Exception {
        Connection one = new Connection(SERVER, options());
        ConnectedEvent hello = next(one.connected, "connected");
        Listener sub = one.listen(fresh("own"), new SubscriptionOptions());
        next(sub.subscribed, "subscribed");
        byte[] data = {0, -1, -128, '{'};
        wants(0, CentrifugeTest.<PublishResult>result(callback -> sub.subscription.publish(data, callback)));
        PublicationEvent heard = next(sub.heard, "the publication");
        check(Arrays.equals(heard.getData(), data) && heard.getOffset() == 1, Arrays.toString(heard.getData()));
        ClientInfo info = heard.getInfo();
        check(info.getClient().equals(hello.getClient()) && info.getUser().equals("ann"), info.getUser() + info.getClient());
        check(text(info.getConnInfo()).equals("{\"name\":\"Ann\"}"), text(info.getConnInfo()));
        backend(sub.subscription.getChannel(), "{\"n\":1}");
        check(text(next(sub.heard, "the backend").getData()).equals("{\"n\":1}"), "as it was published");
    }

    static void refreshes() throws Exception {
        AtomicInteger fetched = new AtomicInteger(), fetchedForSub = new AtomicInteger();
        Options options = new Options();
        options.setTokenGetter(new ConnectionTokenGetter() {
            @Override public void getConnectionToken(ConnectionTokenEvent event, TokenCallback callback) {
                callback.Done(null, token("ttl", fetched.incrementAndGet() > 1 ? "60" : "2"));
            }
        });
        Connection one = new Connection(SERVER, options);
        next(one.connected, "connected");
        next(one.connecting, "connecting");
        SubscriptionOptions closed = new SubscriptionOptions();
        closed.setTokenGetter(new SubscriptionTokenGetter() {
            @Override public void getSubscriptionToken(SubscriptionTokenEvent event, TokenCallback callback) {
                String ttl = fetchedForSub.incrementAndGet() > 1 ? "60" : "2";
                callback.Done(null, token("ttl", ttl, "channel", event.getChannel()));
            }
        });
        Listener sub = one.listen("closed.java", closed);
        next(sub.subscribed, "subscribed");
        backend("closed.java", "1");
        next(sub.heard, "a publication of the closed channel");
        Thread.sleep(4500);
        check(fetched.get() == 2 && fetchedForSub.get() == 2, fetched + " and " + fetchedForSub);
        check(one.connecting.isEmpty() && sub.unsubscribed.isEmpty(), "it stays");
    }

    static void isToldInCodes() throws Exception {
        Options wrong = new Options();
        wrong.setToken("none of ours");
        check(next(new Connection(SERVER, wrong).disconnected, "disconnected").getCode() == 3500, "an invalid token");
        Connection one = new Connection(SERVER, options());
        next(one.connected, "connected");
        Listener closed = one.listen("closed.a", new SubscriptionOptions());
        check(next(closed.unsubscribed, "unsubscribed").getCode() == 103, "a closed channel");
        byte[] data = {'1'};
        wants(102, CentrifugeTest.<PublishResult>result(callback -> one.client.publish("unknown", data, callback)));
        wants(103, CentrifugeTest.<PublishResult>result(callback -> one.client.publish("closed.a", data, callback)));
        wants(102, CentrifugeTest.<HistoryResult>result(callback -> one.client.history("unknown", new HistoryOptions.Builder().build(), callback)));
        wants(108, CentrifugeTest.<RPCResult>result(callback -> one.client.rpc("method", data, callback)));
        wants(0, CentrifugeTest.<PublishResult>result(callback -> one.client.publish(fresh("still"), data, callback)));
    }

    static void presence() throws Exception {
        String channel = fresh("presence");
        Connection ann = new Connection(SERVER, options());
        String id = next(ann.connected, "connected").getClient();
        Listener sub = ann.listen(channel, new SubscriptionOptions());
        next(sub.subscribed, "subscribed");
        Options bob = new Options();
        bob.setToken(hand("token?sub=bob"));
        Listener other = new Connection(SERVER, bob).listen(channel, new SubscriptionOptions());
        next(other.subscribed, "subscribed");
        Outcome<PresenceResult> there = result(callback -> sub.subscription.presence(callback));
        wants(0, there);
        ClientInfo info = there.result.getClients().get(id);
        check(there.result.getClients().size() == 2 && info.getUser().equals("ann"), "two are there");
        Outcome<PresenceStatsResult> stats = result(callback -> sub.subscription.presenceStats(callback));
        check(stats.result.getNumClients() == 2 && stats.result.getNumUsers() == 2, "two are counted");
    }

    static void readsHistory() throws Exception {
        Connection one = new Connection(SERVER, options());
        Listener sub = one.listen(fresh("history"), new SubscriptionOptions());
        next(sub.subscribed, "subscribed");
        for (int number = 1; number <= 5; number++) {
            byte[] data = bytes(number);
            wants(0, CentrifugeTest.<PublishResult>result(callback -> sub.subscription.publish(data, callback)));
        }
        HistoryResult top = page(sub, new HistoryOptions.Builder());
        check(top.getPublications().isEmpty() && top.getOffset() == 5, "no publications unless asked");
        StreamPosition since = new StreamPosition(2, top.getEpoch());
        same("1 2 3 4 5", page(sub, new HistoryOptions.Builder().withLimit(-1)));
        same("5 4", page(sub, new HistoryOptions.Builder().withLimit(2).withReverse(true)));
        same("3 4", page(sub, new HistoryOptions.Builder().withLimit(2).withSince(since)));
    }

    static HistoryResult page(Listener sub, HistoryOptions.Builder options) throws Exception {
        Outcome<HistoryResult> outcome = result(callback -> sub.subscription.history(options.build(), callback));
        wants(0, outcome);
        return outcome.result;
    }

    static void same(String want, HistoryResult page) {
        List<String> got = new ArrayList<>();
        for (Publication one : page.getPublications()) got.add(text(one.getData()));
        check(String.join(" ", got).equals(want), got + " is not " + want);
    }

    static void recovers() throws Exception {
        Connection one = new Connection(System.getenv("CABLE_WS"), options());
        SubscriptionOptions kept = new SubscriptionOptions();
        kept.setRecoverable(true);
        kept.setPositioned(true);
        Listener sub = one.listen(fresh("kept"), kept);
        SubscribedEvent context = next(sub.subscribed, "subscribed");
        check(context.getRecoverable() && context.getPositioned(), "recoverable");
        next(sub.subscribing, "subscribing");
        for (int round = 0; round < 2; round++) {
            hand("cut");
            next(sub.subscribing, "subscribing again");
            for (int number = 1; number <= 20; number++) backend(sub.subscription.getChannel(), "" + (20 * round + number));
            hand("mend");
            context = next(sub.subscribed, "subscribed again");
            check(context.wasRecovering() && context.getRecovered(), "recovered");
            for (int number = 20 * round + 1; number <= 20 * round + 20; number++) {
                PublicationEvent heard = next(sub.heard, "what was missed");
                check(text(heard.getData()).equals("" + number) && heard.getOffset() == number, text(heard.getData()));
            }
        }
    }

    static void comesBack() throws Exception {
        Connection one = new Connection(SERVER, options());
        Listener sub = one.listen(fresh("again"), new SubscriptionOptions());
        next(sub.subscribed, "subscribed");
        next(one.connected, "connected");
        next(one.connecting, "connecting");
        Thread.sleep(5000);
        check(one.connecting.isEmpty(), "a client that answers pings stays");
        hand("stop");
        check(next(one.connecting, "connecting").getCode() == 3001, "told why");
        hand("start");
        next(one.connected, "connected again");
        next(sub.subscribed, "subscribed again");
    }

    // ---- a client and a subscription with queues of their events ----

    static class Connection extends EventListener {
        final BlockingQueue<ConnectingEvent> connecting = new LinkedBlockingQueue<>();
        final BlockingQueue<ConnectedEvent> connected = new LinkedBlockingQueue<>();
        final BlockingQueue<DisconnectedEvent> disconnected = new LinkedBlockingQueue<>();
        final Client client;

        Connection(String address, Options options) {
            options.setMinReconnectDelay(50);
            options.setMaxReconnectDelay(300);
            client = new Client(address, options, this);
            clients.add(client);
            client.connect();
        }

        Listener listen(String channel, SubscriptionOptions options) throws Exception {
            options.setMinResubscribeDelay(50);
            options.setMaxResubscribeDelay(300);
            Listener listener = new Listener();
            listener.subscription = client.newSubscription(channel, options, listener);
            listener.subscription.subscribe();
            return listener;
        }

        @Override public void onConnecting(Client client, ConnectingEvent event) { connecting.add(event); }
        @Override public void onConnected(Client client, ConnectedEvent event) { connected.add(event); }
        @Override public void onDisconnected(Client client, DisconnectedEvent event) { disconnected.add(event); }
    }

    static class Listener extends SubscriptionEventListener {
        final BlockingQueue<SubscribingEvent> subscribing = new LinkedBlockingQueue<>();
        final BlockingQueue<SubscribedEvent> subscribed = new LinkedBlockingQueue<>();
        final BlockingQueue<UnsubscribedEvent> unsubscribed = new LinkedBlockingQueue<>();
        final BlockingQueue<PublicationEvent> heard = new LinkedBlockingQueue<>();
        Subscription subscription;

        @Override public void onSubscribing(Subscription sub, SubscribingEvent event) { subscribing.add(event); }
        @Override public void onSubscribed(Subscription sub, SubscribedEvent event) { subscribed.add(event); }
        @Override public void onUnsubscribed(Subscription sub, UnsubscribedEvent event) { unsubscribed.add(event); }
        @Override public void onPublication(Subscription sub, PublicationEvent event) { heard.add(event); }
    }

    record Outcome<T>(Throwable error, T result) {}

    interface Call<T> { void with(ResultCallback<T> callback); }

    static <T> Outcome<T> result(Call<T> call) throws Exception {
        CompletableFuture<Outcome<T>> outcome = new CompletableFuture<>();
        call.with((error, result) -> outcome.complete(new Outcome<>(error, result)));
        return outcome.get(PATIENCE_S, TimeUnit.SECONDS);
    }

    /** That a call was refused with this code; 0: that it was not. */
    static void wants(int code, Outcome<?> outcome) {
        int got = outcome.error instanceof ReplyError refused ? refused.getCode() : outcome.error == null ? 0 : -1;
        check(got == code, code + " wanted: " + outcome.error);
    }

    static <E> E next(BlockingQueue<E> events, String what) throws InterruptedException {
        E event = events.poll(PATIENCE_S, TimeUnit.SECONDS);
        check(event != null, "not in " + PATIENCE_S + " s: " + what);
        return event;
    }

    static void check(boolean holds, String seen) {
        if (!holds) throw new AssertionError(seen);
    }

    // ---- the world ----

    static String fresh(String name) {
        return "open.java-" + name + "-" + ProcessHandle.current().pid() + "-" + numbers.incrementAndGet();
    }

    static byte[] bytes(int number) {
        return Integer.toString(number).getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static Options options() {
        Options options = new Options();
        options.setToken(token("info", "{\"name\":\"Ann\"}"));
        return options;
    }

    static String token(String... claims) {
        StringBuilder query = new StringBuilder("token?sub=ann");
        for (int at = 0; at < claims.length; at += 2) {
            query.append('&').append(claims[at]).append('=').append(URLEncoder.encode(claims[at + 1], StandardCharsets.UTF_8));
        }
        return hand(query.toString());
    }

    /** Has the world do something: cut, mend, stop, start, token. */
    static String hand(String deed) {
        return send(HttpRequest.newBuilder(URI.create(System.getenv("WORLD") + "/" + deed)).build());
    }

    static void backend(String channel, String body) {
        send(HttpRequest.newBuilder(URI.create(System.getenv("SERVER_HTTP") + "/pub/" + channel))
            .header("X-API-Key", System.getenv("API_KEY"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build());
    }

    static String send(HttpRequest request) {
        try {
            HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
            check(answer.statusCode() == 200, request.uri() + ": " + answer.statusCode() + " " + answer.body());
            return answer.body();
        } catch (java.io.IOException | InterruptedException error) {
            throw new AssertionError(error);
        }
    }
}
