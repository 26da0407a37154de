# test/clients/delivery.py: does everybody hear of what happens, while mail
# servers and receivers fail and what delivers is killed?
#
# Runs examples/mailer (two of it) and examples/webhook in a Space of its own,
# each as the role that its setup.sql makes, against a mail server and a receiver
# that fail one time in ten and, at a chosen moment, kill -9 who is waiting for
# their answer. Decides what may come twice: what was sent and not confirmed, by
# what the two sides have seen, to the single event.
#
#   python3 delivery.py FOLDER    as a superuser, in a database that has cirro;
#                                 FOLDER holds mailer/, webhook/ and node_modules/
import base64
import collections
import datetime
import email
import email.policy
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import os
import re
import shutil
import signal
import socketserver
import ssl
import subprocess
import sys
import threading
import time

import psycopg

from check import done, ok, same

FOLDER = sys.argv[1]
SPACE = "post"
MAILER, WEBHOOK = "cirro_clients_mailer", "cirro_clients_webhook"
SECRET = "nobody knows it"
# Long enough for a computer that has much else to do; who is killed holds what it
# has claimed so long.
MAIL_LEASE = 24
HTTP_TIMEOUT = 2
HTTP_LEASE = 10
EVIL = "evil@example.com"
processes = []
began = time.monotonic()


def told(text):
    print(f"# {time.monotonic() - began:.1f} s: {text}", flush=True)


def same_set(name, got, expected):
    ok(name, got == expected, {"too many": got - expected, "missing": expected - got})


def eventually(what, probe, seconds=150):
    """Waits until probe() is true."""
    end = time.monotonic() + seconds
    while not (value := probe()):
        if time.monotonic() > end:
            ok(what, False, f"not within {seconds} seconds")
            raise SystemExit(1)
        time.sleep(0.05)
    return value


# ------------------------------------------------------------ who delivers --

class Process:
    """A program that is started anew when it was killed, as a supervisor would."""

    def __init__(self, name, command, **environment):
        self.name, self.command, self.environment = name, command, environment
        self.kills, self.log = 0, os.path.join(FOLDER, f"{name}.log")
        processes.append(self)
        self.start()

    def start(self):
        with open(self.log, "a") as log:
            self.child = subprocess.Popen(self.command, stderr=log, env=os.environ | self.environment)

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.kills += 1

    def stop(self):
        """How it ends on SIGTERM."""
        self.child.terminate()
        try:
            return self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return "killed"

    def said(self):
        with open(self.log) as log:
            return log.read()


def mailer(name, port, **more):
    settings = dict(PGUSER=MAILER, SPACE=SPACE, SMTP_HOST="127.0.0.1", SMTP_PORT=str(port), BATCH="20",
                    LEASE_SECONDS="600", POLL_SECONDS="1", RETRY_SECONDS="0.05")
    return Process(name, [sys.executable, os.path.join(FOLDER, "mailer/mailer.py")], **(settings | more))


def node(name, script, **settings):
    return Process(name, ["node", os.path.join(FOLDER, "webhook", script)], WEBHOOK_SECRET=SECRET, **settings)


# --------------------------------------------------------- the mail server --

class MailServer(socketserver.ThreadingTCPServer):
    """Takes mails. Of ten it refuses one, and of fifty it takes one without
    saying so; victim is killed when it waits for the answer to the mail number
kill_at, which was taken. The answer to the mail number hold_at waits for
let_go."""
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SmtpHandler)
        self.port = self.server_address[1]
        self.lock, self.count = threading.Lock(), itertools.count(1)
        self.mails, self.unanswered = [], collections.Counter()
        self.kill_at, self.victim, self.killed_for, self.fails = 0, None, None, True
        self.hold_at, self.let_go = 0, threading.Event()
        self.tls, self.logins = None, set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SmtpHandler(socketserver.StreamRequestHandler):
    def reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.converse()
        except (ConnectionError, ssl.SSLError):
            pass

    def converse(self):
        self.reply("220 sink")
        recipients = []
        while command := self.rfile.readline():
            verb = command[:4].upper()
            if verb == b"EHLO" and self.server.tls:
                self.reply("250-sink\r\n250-STARTTLS\r\n250 AUTH PLAIN")
                continue
            if verb == b"STAR":
                self.reply("220 go on")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                self.setup()
                continue
            if verb == b"AUTH":
                self.server.logins.add((isinstance(self.request, ssl.SSLSocket), command.split()[2].decode()))
                self.reply("235 welcome")
                continue
            if verb == b"RCPT":
                recipients.append(command.strip().decode()[len("RCPT TO:"):])
            if verb == b"DATA":
                self.reply("354 go on")
                lines = []
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text)
                if text:
                    self.data(recipients, b"".join(lines))
                return
            self.reply("250 ok")

    def data(self, recipients, raw):
        server = self.server
        n = next(server.count)
        if server.fails and n % 10 == 9:
            self.reply("451 try again")
            return
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        event = mail["Message-ID"].strip("<>").partition("@")[0]
        with server.lock:
            server.mails.append((event, recipients, raw, time.time()))
        if n == server.kill_at:
            server.killed_for = event
            server.victim.kill()
        if n == server.hold_at:
            server.let_go.wait()
        # Whoever hears the answer says goodbye.
        heard = False
        try:
            if not (server.fails and n % 50 == 25):
                self.reply("250 taken")
                heard = self.rfile.readline()[:4].upper() == b"QUIT"
        finally:
            if not heard:
                with server.lock:
                    server.unanswered[event] += 1
        if heard:
            self.reply("221 bye" if n % 3 else "554 come back")


# ------------------------------------------------- what is before receiver.js --

class Gateway(http.server.ThreadingHTTPServer):
    """Hands requests on to the receiver. Of ten it fails one, in turns: answers
    500 or never without handing it on, or hands it on and loses the answer. Of
    the request number kill_at, too, while it kills the sender."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, receiver):
        super().__init__(("127.0.0.1", 0), GatewayHandler)
        self.port, self.receiver = self.server_address[1], receiver
        self.lock, self.count, self.ways = threading.Lock(), itertools.count(1), itertools.cycle(range(3))
        # Requests that were begun before the kill or after it, and handed on; those
        # whose answer was lost.
        self.before, self.after, self.unanswered = collections.Counter(), collections.Counter(), set()
        self.now, self.most, self.kill_at, self.victim, self.killed_for = 0, 0, 0, None, None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass                    # a sender that was killed


class GatewayHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        gateway = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)["event_id"]
        with gateway.lock:
            n = next(gateway.count)
            way = next(gateway.ways) if n % 10 == 0 else None
            passed = gateway.after if gateway.killed_for else gateway.before
            gateway.now += 1
            gateway.most = max(gateway.most, gateway.now)
        try:
            status = self.request_number(n, way, event, body, passed)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        finally:
            with gateway.lock:
                gateway.now -= 1

    def request_number(self, n, way, event, body, passed):
        """The status to answer with, None to hang up."""
        gateway = self.server
        if way == 0:
            return 500
        if way == 1:
            time.sleep(HTTP_TIMEOUT + 1)
            return None
        status = post(gateway.receiver, body, dict(self.headers))
        with gateway.lock:
            passed[event] += 1
            if n == gateway.kill_at:
                gateway.killed_for = event
                gateway.victim.kill()
                return None
        if way == 2:
            with gateway.lock:
                gateway.unanswered.add(event)
            return None
        return status


def post(port, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


# ----------------------------------------------------------- the database --

db = psycopg.connect(autocommit=True)


def value(query, *parameters):
    return db.execute(query, parameters).fetchone()[0]


def values(query, *parameters):
    return [row[0] for row in db.execute(query, parameters)]


def connected(*roles):
    return value("SELECT count(*) FROM pg_stat_activity a WHERE a.usename = ANY (%s)", list(roles))


def open_rows(*consumers):
    return value(f"SELECT count(*) FROM {SPACE}.notification WHERE outcome IS NULL AND consumer = ANY (%s)",
                 list(consumers))


def set_up(folder, role):
    subprocess.run(["psql", "-Xq", "-v", f"space={SPACE}", "-v", f"role={role}", "-f",
                    os.path.join(FOLDER, folder, "setup.sql")], check=True)


def forget():
    """Drops what a run before, or this one, has left."""
    db.execute(f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {SPACE} CASCADE; DROP TABLE IF EXISTS received")
    for role in (MAILER, WEBHOOK):
        db.execute(f"DROP ROLE IF EXISTS {role}")


GIG = f"""INSERT INTO {SPACE}.gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query, answer_within)
    VALUES (%s, %s, %s, now() + interval '1 day', now() + interval '2 days', 1000, 'manual', '{{}}', %s)"""
INVITE = f"INSERT INTO {SPACE}.invitation (gig_id, worker_id) SELECT %s, generate_series(%s::bigint, %s)"


def prepare():
    forget()
    db.execute(f"SELECT cirro.create_space('{SPACE}')")
    db.execute(f"DELETE FROM {SPACE}.consumer; INSERT INTO {SPACE}.consumer (name) VALUES ('audit')")
    set_up("mailer", MAILER)
    set_up("mailer", MAILER)
    set_up("webhook", WEBHOOK)
    db.execute("CREATE TABLE received (event_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), event jsonb NOT NULL)")
    db.execute(f"UPDATE {SPACE}.setting SET max_attempts = 8")
    db.execute(f"""INSERT INTO {SPACE}.worker (id, profile) SELECT n, jsonb_build_object('name', 'Worker ' || n,
        'email', 'w' || n || '@example.org') FROM generate_series(1, 120) n""")
    # Who cannot be mailed, and who would mail others.
    for n, profile in enumerate([{"email": f"a@example.org\r\nBcc: {EVIL}"}, {"email": f"a@example.org, {EVIL}"},
                                 {"email": "a" * 100000 + "@example.org"}, {"email": {"a": 1}}], 121):
        db.execute(f"INSERT INTO {SPACE}.worker (id, profile) VALUES (%s, %s)", (n, json.dumps(profile)))
    db.execute(f"INSERT INTO {SPACE}.worker (id, profile) VALUES (125, %s), (126, %s)", (
        json.dumps({"name": f"Eve, {'very ' * 10}<{EVIL}>, \"b\r\nBcc: {EVIL}", "email": "w125@example.org", "time_zone": "../../etc/passwd"}),
        json.dumps({"name": "nowhere"})))
    db.execute(GIG, (1, f"Trees <script>\r\nBcc: {EVIL}\r\n\r\n =?utf-8?q?x=0ABcc:_{EVIL}?= ‮" + "ü" * 5000,
                     "javascript:alert(\"'>", None))
    for gig in (2, 3, 4):
        db.execute(GIG, (gig, "Plant {trees} & more", "https://example.org/\"><script>", None))
    db.execute(f"UPDATE {SPACE}.gig SET end_at = 'infinity' WHERE id = 2")


# ---------------------------------------------------------------- the test --

def storm():
    """Hundreds of notifications, two mailers, a sender, failures and kills."""
    servers = [MailServer(), MailServer()]
    mailers = [mailer(f"mailer{n}", server.port, LEASE_SECONDS=str(MAIL_LEASE)) for n, server in enumerate(servers)]
    receiver = node("receiver", "receiver.js", PORT="0")
    port = int(eventually("the receiver listens", lambda: receiver.said()).split()[-1])
    gateway = Gateway(port)
    sender = node("sender", "sender.js", PGUSER=WEBHOOK, SPACE=SPACE, WEBHOOK_URL=f"http://127.0.0.1:{gateway.port}/",
                  TIMEOUT_SECONDS=str(HTTP_TIMEOUT), LEASE_SECONDS=str(HTTP_LEASE), POLL_SECONDS="1",
                  RETRY_SECONDS="0.05")
    eventually("all three are connected", lambda: connected(MAILER, WEBHOOK) == 3)
    servers[0].kill_at, servers[0].victim = 25, mailers[0]
    gateway.kill_at, gateway.victim = 45, sender

    # What is over before it could be told is not.
    db.execute("BEGIN")
    db.execute(INVITE, (1, 1, 126))
    db.execute(INVITE, (2, 1, 60))
    db.execute(INVITE, (3, 1, 20))
    db.execute(f"UPDATE {SPACE}.invitation SET status = 'rejected' WHERE worker_id BETWEEN 111 AND 120")
    db.execute("COMMIT")
    unconfirmed = {}
    for victim, server, role in ((mailers[0], servers[0], MAILER), (sender, gateway, WEBHOOK)):
        eventually(f"{victim.name} is killed", lambda: server.killed_for and victim.kills)
        left = 1 if role == MAILER else 0       # the other mailer
        eventually("the server knows", lambda: connected(role) == left)
        unconfirmed[victim] = set(values(f"""SELECT n.event_id FROM {SPACE}.notification n
            WHERE n.consumer = %s AND n.claim IS NOT NULL AND n.outcome IS NULL""", "mailer" if role == MAILER else "webhook"))
        ok(f"{victim.name} was killed with a claim of several open", len(unconfirmed[victim]) > 1)
        told(f"{victim.name} was killed for {server.killed_for}")
        victim.start()
    # Answers while it goes on, and connections that break.
    db.execute(f"UPDATE {SPACE}.invitation SET status = 'accepted' WHERE gig_id = 2")
    db.execute(f"SELECT {SPACE}.cancel(3)")
    eventually("all three are connected", lambda: connected(MAILER, WEBHOOK) == 3)
    eventually("the sender is at work again", lambda: gateway.after.total() > 20)
    db.execute("SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.usename IN (%s, %s)", (MAILER, WEBHOOK))
    eventually("nothing is left open", lambda: open_rows("mailer", "webhook") == 0)
    told("nothing is left open")
    for process in (*mailers, sender):
        eventually(f"{process.name} has lost its connection and found another", lambda: "database: " in process.said())
        same(f"{process.name} ends well on SIGTERM", process.stop(), 0)

    # What each row's event is, as a consumer that sees all of them has it.
    events = {event: id for event, id in db.execute(f"""
        SELECT c.payload->>'event_id', n.event_id FROM {SPACE}.claim_notifications(100000, '1 hour', 'audit') c
        JOIN {SPACE}.notification n ON n.id = c.id""")}
    ok("hundreds of events", len(events) > 250, len(events))
    unheard = set(values(f"SELECT event_id FROM {SPACE}.notification WHERE id = ANY (%s)",
                         [int(id) for id in re.findall(r"^notification (\d+): ", sender.said(), re.M)]))
    check_webhook(gateway, events, *({event for event, id in events.items() if id in ids} for ids in (unconfirmed[sender], unheard)))
    ok("mail: what the mailer was killed for was not confirmed", events[servers[0].killed_for] in unconfirmed[mailers[0]])
    check_mails(servers, events)
    for process in processes:
        said = process.said()
        ok(f"{process.name} logs no address, name or secret", not any(
            word in said for word in ("example.", "Worker", "Trees", SECRET)), said[:2000])
    return receiver, port


def check_webhook(gateway, events, unconfirmed, unheard):
    same_set("webhook: each event was received, and worked on once",
             {str(id) for id in values("SELECT event_id FROM received")}, set(events))
    same("webhook: as its body says", values("SELECT count(*) FROM received WHERE event_id::text = event->>'event_id'"),
         [len(events)])
    same("webhook: all are delivered", values(f"""SELECT DISTINCT outcome || ' ' || (claim IS NULL)
        FROM {SPACE}.notification WHERE consumer = 'webhook'"""), ["delivered true"])
    passed = gateway.before + gateway.after
    doubles = {event for event, times in passed.items() if times > 1}
    killed = set(gateway.before) & unconfirmed
    told(f"{passed.total()} requests for {len(events)} events, {len(doubles)} events twice, "
         f"{len(gateway.unanswered)} answers lost, {len(killed)} unconfirmed at the kill")
    ok("webhook: answers were lost", len(gateway.unanswered) > 5)
    ok("webhook: what the sender was killed for was not confirmed", gateway.killed_for in killed)
    same_set("webhook: what was sent and not confirmed came twice", (gateway.unanswered | killed) & doubles, gateway.unanswered | killed)
    # A slow computer adds timeouts and leases of its own: what the sender has heard nothing of,
    # and what it could not confirm in time, for only such a row is claimed again.
    repeated = set(values(f"SELECT event_id FROM {SPACE}.notification WHERE consumer = 'webhook' AND attempts > 1"))
    again = {event for event, id in events.items() if id in repeated}
    ok("webhook: and that alone", doubles <= again, doubles - again)
    late = doubles - unheard - killed
    ok("webhook: of these, few for another reason than a lost answer or the kill", len(late) <= len(doubles) / 4, late)
    ok("webhook: several requests at a time, and no more than CONCURRENCY and what a killed one had left",
       1 < gateway.most <= 10, gateway.most)


def check_mails(servers, events):
    mails = [mail for server in servers for mail in server.mails]
    times = collections.Counter(mail[0] for mail in mails)
    rows = {id: (outcome, worker, gig) for id, outcome, worker, gig in db.execute(f"""
        SELECT n.event_id, n.outcome, e.worker_id, e.gig_id FROM {SPACE}.notification n
        JOIN {SPACE}.event e ON e.id = n.event_id WHERE n.consumer = 'mailer'""")}
    rows = {event: rows[id] for event, id in events.items() if id in rows}
    by = collections.defaultdict(set)
    for event, row in rows.items():
        by[row[0]].add(event)
    unanswered = servers[0].unanswered + servers[1].unanswered
    told(f"{len(mails)} mails; " + ", ".join(f"{len(by[result])} {result}" for result in sorted(by))
         + f"; {len(unanswered)} answers lost")
    ok("mail: answers were lost, of one the mailer was killed", len(unanswered) > 2 and servers[0].killed_for in unanswered)
    # What was over when it came again was not sent again.
    over = {event for event in times if rows[event][0] == "suppressed"}
    same_set("mail: what is delivered was mailed", set(times) - over, by["delivered"])
    ok("mail: what was mailed and is suppressed was not confirmed", over <= set(unanswered), over)
    same_set("mail: what was sent and not confirmed came twice, and that alone",
             {event for event, n in times.items() if n > 1}, {event for event in unanswered if times[event] > unanswered[event]})
    ok("mail: once for each time", all(n == unanswered[event] + (event not in over) for event, n in times.items()))
    same("mail: dead is who has no address that can be one",
         sorted({rows[event][1] for event in by["dead"]}), [121, 122, 123, 124])
    ok("mail: suppressed is what was over, and who has no address",
       {rows[event][1] for event in by["suppressed"]} >= {126, *range(111, 121)})
    ok("mail: both mailers had a share", all(len(server.mails) > 20 for server in servers))
    ok("mail: to the worker, and to nobody else", all(
        recipients == [f"<w{rows[event][1]}@example.org>"] for event, recipients, *_ in mails))
    ok("mail: nothing of a title becomes a header", all(set(headers(raw)) == HEADERS for _, _, raw, _ in mails),
       [headers(raw) for _, _, raw, _ in mails if set(headers(raw)) != HEADERS][:1])
    parts = [email.message_from_bytes(raw, policy=email.policy.default) for _, _, raw, _ in mails]
    pages = [mail.get_body(("html",)).get_content() for mail in parts]
    same_set("mail: nothing of a name becomes another address", {len(mail["To"].addresses) for mail in parts}, {1})
    ok("mail: nothing of a title is decoded", any("= ?utf-8?q?" in mail["Subject"] for mail in parts))
    ok("mail: nothing of a title becomes markup", not any(
        "<script" in page or 'href="javascript' in page for page in pages) and any("&lt;script" in page for page in pages))
    same_set("mail: invitations, answers and cancellations", {mail["Subject"].split(":")[0].split("?")[0] for mail in parts},
             {"Can you come", "You are in", "Cancelled"})


HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}


def headers(raw):
    """As the strictest of readers sees them: up to the first empty line."""
    head = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")[0]
    return [text.split(b":")[0].decode() for text in head.split(b"\n") if text[:1] not in b" \t"]


def signatures(receiver, port):
    """Who is believed."""
    body = json.dumps({"event_id": "00000000-0000-8000-8000-000000000001", "kind": "gig.started"}).encode()

    def signed(body, at=0, secret=SECRET):
        at = int(time.time()) + at
        return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"

    def status(header, sent=body):
        return post(port, sent, {"Cirro-Signature": header} if header else {})

    good = signed(body)
    same("receiver: refuses what is not signed", status(None), 401)
    same("receiver: or by another secret", status(signed(body, secret="guessed")), 401)
    same("receiver: or is another body", status(good, body.replace(b"started", b"deleted")), 401)
    same("receiver: or was signed ten minutes ago", status(signed(body, -600)), 401)
    same("receiver: or in ten minutes", status(signed(body, 600)), 401)
    same("receiver: or has another time than was signed", status(f"t={int(time.time()) + 1},{good.split(',')[1]}"), 401)
    same("receiver: or is cut short", status(good[:-2]), 401)
    same("receiver: or too large", post(port, b"x" * 2000000, {"Cirro-Signature": good}), 413)
    same("receiver: nothing of these is stored", value("SELECT count(*) FROM received WHERE event_id::text LIKE '0000%%'"), 0)
    same("receiver: takes what is right, and again", [status(good), status(good)], [204, 204])
    same("receiver: once", value("SELECT count(*) FROM received WHERE event_id::text LIKE '0000%%'"), 1)
    with db.transaction():
        db.execute("LOCK TABLE received")
        same("receiver: does not wait for a database that says nothing", post(port, body, {"Cirro-Signature": signed(body)}), 500)
    same("receiver ends well on SIGTERM", receiver.stop(), 0)


def handing_back():
    """What a mailer has claimed and not sent when it is to end is another's at once."""
    server = MailServer()
    server.fails, server.hold_at = False, 3
    db.execute(INVITE, (4, 1, 30))
    one = mailer("stopped", server.port)
    eventually("it is at work", lambda: len(server.mails) == 3)
    one.child.terminate()
    server.let_go.set()
    same("mailer: ends well on SIGTERM in the middle of a claim", one.stop(), 0)
    same("mailer: after the mail that it is at", len(server.mails), 3)
    rows = db.execute(f"""SELECT count(*) FILTER (WHERE outcome = 'delivered'), count(*) FILTER (WHERE outcome IS NULL AND due_at <= clock_timestamp() AND attempts = 0),
        count(*) FROM {SPACE}.notification n JOIN {SPACE}.event e ON e.id = n.event_id WHERE n.consumer = 'mailer' AND e.gig_id = 4""").fetchone()
    same("mailer: what it has sent is delivered, the rest is due now, and no attempt counts", rows, (3, 27, 30))
    two = mailer("woken", server.port, POLL_SECONDS="3600")
    eventually("another mailer takes the rest", lambda: open_rows("mailer") == 0)
    same("mailer: nobody is mailed twice", len(server.mails), 30)
    time.sleep(0.5)             # it waits by now
    db.execute(INVITE, (4, 61, 61))
    asked = time.monotonic()
    eventually("mailer: is woken by the trigger", lambda: len(server.mails) == 31)
    told(f"woken within {time.monotonic() - asked:.2f} s")
    two.stop()


# What Python runs first: its clock is an hour late.
LATE = """
import datetime

class Late(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - datetime.timedelta(hours=1)

datetime.datetime = Late
"""


def putting_off():
    """Digests and quiet hours."""
    server = MailServer()
    server.fails = False
    zones = {101: None, 102: None, 103: "Asia/Kathmandu"}
    for worker, zone in zones.items():
        db.execute(f"UPDATE {SPACE}.worker SET profile = profile || %s WHERE id = %s", (json.dumps({"time_zone": zone}), worker))
    for gig in range(11, 16):
        db.execute(GIG, (gig, f"Gig {gig}", "https://example.org", None))
    db.execute(GIG, (16, "Urgent", "https://example.org", datetime.timedelta(minutes=30)))

    def quiet(start, seconds):
        """QUIET_HOURS, and the moment of their end."""
        end = (start + datetime.timedelta(seconds=seconds)).replace(microsecond=0)
        return f"{start:%H:%M:%S}-{end:%H:%M:%S}", end

    def to(worker):
        return [mail for mail in server.mails if mail[1] == [f"<w{worker}@example.org>"]]

    def subject(mail):
        return str(email.message_from_bytes(mail[2], policy=email.policy.default)["Subject"])

    def sleepers():
        return db.execute(f"""SELECT count(*), min(n.attempts), max(n.attempts), min(n.due_at), max(n.due_at), bool_and(n.put_off)
            FROM {SPACE}.notification n JOIN {SPACE}.event e ON e.id = n.event_id
            WHERE n.consumer = 'mailer' AND e.worker_id = 101 AND e.gig_id > 10""").fetchone()

    # Quiet for an hour, a digest every two seconds; all invitations are of one moment.
    now = datetime.datetime.now(datetime.timezone.utc)
    hours, quiet_to = quiet(now - datetime.timedelta(seconds=1), 3600)
    one = mailer("putting_off", server.port, DIGEST_SECONDS="2", POLL_SECONDS="0.2", QUIET_HOURS=hours)
    eventually("it is connected", lambda: connected(MAILER))
    db.execute(f"""INSERT INTO {SPACE}.invitation (gig_id, worker_id)
        SELECT g, w FROM generate_series(11, 15) g, unnest(ARRAY[101, 103]) w UNION ALL VALUES (16, 102)""")
    made, last = db.execute(f"SELECT min(at), max(at) FROM {SPACE}.event WHERE gig_id BETWEEN 11 AND 15 AND kind = 'invitation.created'").fetchone()
    same("digest: what one statement invites to is of one moment", last, made)
    eventually("quiet hours: what is to be answered before does not wait for their end", lambda: to(102))
    eventually("quiet hours: are the worker's own, elsewhere it is day", lambda: to(103))
    ok("digest: waits for its end", to(103)[0][3] >= made.timestamp() // 2 * 2 + 2, (to(103)[0][3], made))
    eventually("quiet hours: what is put off counts no attempt", lambda: sleepers() == (5, 0, 0, quiet_to, quiet_to, True))
    same("quiet hours: who sleeps is not mailed", to(101), [])
    same("the mailer ends well", one.stop(), 0)

    # As if they had been put off until now; quiet for some seconds more.
    db.execute(f"UPDATE {SPACE}.notification SET due_at = clock_timestamp() WHERE outcome IS NULL AND consumer = 'mailer'")
    now = datetime.datetime.now(datetime.timezone.utc)
    hours, quiet_to = quiet(now - datetime.timedelta(seconds=1), 5)
    one = mailer("awaking", server.port, DIGEST_SECONDS="2", POLL_SECONDS="0.2", QUIET_HOURS=hours)
    eventually("all is mailed in the end", lambda: open_rows("mailer") == 0)
    ok("quiet hours: when they are over", quiet_to.timestamp() <= to(101)[0][3], (to(101)[0][3], quiet_to))
    same("digest: one mail to each, of all that he was invited to", [(len(to(w)), subject(to(w)[0])) for w in (101, 103)],
         [(1, "Can you come? Gig 11 (and 4 more)")] * 2)
    same("digest: a delivery is one attempt", values(f"""SELECT DISTINCT n.attempts FROM {SPACE}.notification n
        JOIN {SPACE}.event e ON e.id = n.event_id WHERE n.consumer = 'mailer' AND e.gig_id > 10"""), [1])
    one.stop()

    encrypted()

    # The mail server is away: that costs the first an attempt, and nobody else; also
    # where the mailer's clock is an hour late.
    os.mkdir(os.path.join(FOLDER, "late"))
    with open(os.path.join(FOLDER, "late", "sitecustomize.py"), "w") as module:
        module.write(LATE)
    db.execute(INVITE, (4, 62, 91))
    one = mailer("lonely", 1, BATCH="100", RETRY_SECONDS="3600", PYTHONPATH=os.path.join(FOLDER, "late"))
    eventually("it has tried", lambda: value(f"SELECT count(*) FROM {SPACE}.notification WHERE consumer = 'mailer' AND error LIKE 'Connection%%'"))
    eventually("the others wait", lambda: value(f"SELECT count(*) FROM {SPACE}.notification WHERE consumer = 'mailer' AND put_off") == 29)
    time.sleep(0.5)
    same("mailer: a mail server that is away costs one attempt", value(f"""SELECT sum(n.attempts) FROM {SPACE}.notification n
        WHERE n.consumer = 'mailer' AND n.outcome IS NULL"""), 1)
    ok("mailer: waits by the clock of the database", value(f"""SELECT min(n.due_at) > clock_timestamp() + interval '30 min'
        FROM {SPACE}.notification n WHERE n.consumer = 'mailer' AND n.outcome IS NULL"""))
    same("mailer: ends at once all the same", one.stop(), 0)
    db.execute(f"DELETE FROM {SPACE}.notification WHERE outcome IS NULL")


def encrypted():
    """Logs in, and not before the connection is encrypted."""
    if not shutil.which("openssl"):
        print("skipped: STARTTLS needs openssl")
        return
    key, certificate = os.path.join(FOLDER, "key.pem"), os.path.join(FOLDER, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = MailServer()
    server.fails, server.tls = False, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, key)
    db.execute(INVITE, (4, 98, 98))
    login = dict(SMTP_HOST="localhost", SMTP_USER="ann", SMTP_PASSWORD=SECRET)
    stranger = mailer("stranger", server.port, RETRY_SECONDS="1", **login)
    eventually("it has tried", lambda: "SSLCertVerificationError" in stranger.said())
    stranger.stop()
    one = mailer("encrypted", server.port, SSL_CERT_FILE=certificate, **login)
    eventually("it is mailed", lambda: server.mails)
    one.stop()
    same("mailer: logs in, over TLS alone, with a server that it can check",
         server.logins, {(True, base64.b64encode(f"\0ann\0{SECRET}".encode()).decode())})
    ok("mailer: and does not log the password", SECRET not in one.said() + stranger.said())


    # A server that cannot encrypt is as good as away.
    plain = MailServer()
    plain.fails = False
    db.execute(INVITE, (4, 105, 110))
    one = mailer("plain", plain.port, RETRY_SECONDS="3600", **login)
    eventually("it has tried", lambda: value(f"SELECT count(*) FROM {SPACE}.notification WHERE consumer = 'mailer' AND put_off") == 5)
    same("mailer: without TLS it sends nothing, and that costs one attempt",
         (plain.mails, plain.logins, value(f"SELECT sum(n.attempts) FROM {SPACE}.notification n WHERE n.consumer = 'mailer' AND n.outcome IS NULL")),
         ([], set(), 1))
    one.stop()
    db.execute(f"DELETE FROM {SPACE}.notification WHERE outcome IS NULL")


def reports():
    """As the mailer's role: a report that comes too late, and what the role may not do."""
    with psycopg.connect(user=MAILER, autocommit=True) as role:
        def ask(query, *parameters):
            return role.execute(query.format(s=SPACE), parameters).fetchall()

        same("dead: live again by the role that delivers", role.execute(f"""UPDATE {SPACE}.notification
            SET outcome = NULL, attempts = 0, due_at = now() WHERE outcome = 'dead' AND consumer = 'mailer'""").rowcount, 4)
        claim = ask("SELECT claim, attempts FROM {s}.claim_notifications(consumer => 'mailer')")
        same("dead: and are handed out as if they were new", [attempts for _, attempts in claim], [1] * 4)
        ask("SELECT {s}.confirm_notifications(%s, NULL, 'suppressed')", claim[0][0])

        db.execute(INVITE, (4, 92, 94))
        claim = ask("SELECT claim, id FROM {s}.claim_notifications(10, '1 hour', 'mailer')")
        first, ids = claim[0][0], [id for _, id in claim]
        same("late: another has none within the lease", ask("SELECT claim FROM {s}.claim_notifications(consumer => 'mailer')"), [])
        # As if the hour were over.
        db.execute(f"UPDATE {SPACE}.notification SET due_at = clock_timestamp() WHERE claim = %s", (first,))
        second = ask("SELECT claim FROM {s}.claim_notifications(1, consumer => 'mailer')")[0][0]
        same("late: a report finds what nobody else holds by now", ask("SELECT {s}.confirm_notifications(%s, %s)", first, ids), [(2,)])
        same("late: nor does a failure that comes too late", ask("SELECT {s}.fail_notifications(%s, %s, 'late')", first, ids), [(0,)])
        same("late: what it does not find is the other's", ask("SELECT {s}.confirm_notifications(%s)", second), [(1,)])
        for what in ("SELECT FROM {s}.attempt", "UPDATE {s}.invitation SET status = 'left'", "SELECT changed_in FROM {s}.worker",
                     "UPDATE {s}.notification SET event_id = 1", "DELETE FROM {s}.notification", "SELECT description FROM {s}.gig"):
            try:
                ask(what)
                ok(f"the mailer may not: {what}", False)
            except psycopg.errors.InsufficientPrivilege:
                pass
    with psycopg.connect(user=WEBHOOK, autocommit=True) as role:
        try:
            role.execute(f"SELECT profile FROM {SPACE}.worker")
            ok("the sender may not read profiles", False)
        except psycopg.errors.InsufficientPrivilege:
            ok("the sender may not read profiles", True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
try:
    prepare()
    receiver, port = storm()
    signatures(receiver, port)
    handing_back()
    putting_off()
    reports()
    told("done")
finally:
    for process in processes:
        if process.child.poll() is None:
            process.child.kill()
            process.child.wait()
    forget()
done()
