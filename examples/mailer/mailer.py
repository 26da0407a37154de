#!/usr/bin/env python3
"""mailer.py: mails the workers of a Space what they have to hear of.

Decides what is said and when: a text for each kind of event, quiet hours in the
worker's own time zone, digests. Whether it was said is kept in the database
alone: what is claimed is sent, then confirmed, mail by mail, so that a crash
repeats one mail at most and loses none. Any number of these may run at once.
Must not write what people are called, their addresses or a password to its log.

Python 3.11 or later and psycopg 3 (Debian's python3-psycopg). README.md has the
environment that it reads.
"""
import collections
import contextlib
import html
import os
import random
import re
import select
import signal
import smtplib
import ssl
import sys
import time
from datetime import datetime, timedelta, timezone
from datetime import time as daytime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.sql import SQL, Identifier


def seconds(name, default):
    return timedelta(seconds=float(os.environ.get(name, default)))


SPACE = os.environ.get("SPACE", "trees")
CONSUMER = os.environ.get("CONSUMER", "mailer")
BATCH = int(os.environ.get("BATCH", 50))
LEASE = seconds("LEASE_SECONDS", 300)
POLL = seconds("POLL_SECONDS", 30)
RETRY = seconds("RETRY_SECONDS", 60)
DIGEST = seconds("DIGEST_SECONDS", 0)               # 0: each mail at once
QUIET = [daytime.fromisoformat(t) for t in os.environ.get("QUIET_HOURS", "").split("-") if t]

SMTP_HOST = os.environ.get("SMTP_HOST", "localhost")
SMTP_PORT = int(os.environ.get("SMTP_PORT", 25))
SMTP_USER = os.environ.get("SMTP_USER")             # with it STARTTLS and SMTP_PASSWORD
SMTP_PASSWORD = os.environ["SMTP_PASSWORD"] if SMTP_USER else None
SENDER = Address("Volunteers", addr_spec=os.environ.get("MAIL_FROM", "volunteers@example.org"))

# A mail takes some fourteen round trips, those of STARTTLS and a login included.
# However slow each is, it ends within the second half of the lease, in which none is
# begun.
SMTP_TIMEOUT = LEASE.total_seconds() / 30


def log(text):
    print(text, file=sys.stderr, flush=True)


# ------------------------------------------------------------ what is said --

# By kind and, of an invitation, its status. What is not here nobody is mailed.
INVITED = ("Can you come? {title}", "You are invited to “{title}” on {start}. Please answer by {answer_by}.")
BOOKED = ("You are in: {title}", "You have a place in “{title}” on {start}. See you there!")
OFF = ("Cancelled: {title}", "“{title}” on {start} does not take place.")
TEXTS = {
    ("invitation.created", "pending"): INVITED,
    ("invitation.updated", "pending"): INVITED,
    ("invitation.created", "accepted"): BOOKED,
    ("invitation.updated", "accepted"): BOOKED,
    ("gig.cancelled", None): OFF,
    ("gig.deleted", None): OFF,
}


def text_of(row):
    status = row.payload["invitation"]["status"] if row.kind.startswith("invitation.") else None
    return TEXTS.get((row.kind, status))


def line(text, length):
    """Foreign text as part of one line: without line breaks, what turns the rest of
    the line round, or what a header would decode."""
    text = re.sub(r"[\x00-\x20\x7f-\xa0\u2028-\u202e\u2066-\u2069]+", " ", text or "")
    return text.replace("=?", "= ?").strip()[:length]


def zone_of(row):
    try:
        return ZoneInfo(row.time_zone or "UTC")
    except (KeyError, ValueError, OSError):
        return timezone.utc


def moment(text):
    """A point in time of the payload; None for none, or for one that Python has not."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def compose(rows):
    """One mail to one worker, about one or more of his notifications."""
    subjects, texts, parts = [], [], []
    for row in rows:
        gig, invitation = row.payload["gig"], row.payload["invitation"] or {}
        times = {"start": moment(gig["start_at"]), "answer_by": moment(invitation.get("answer_by"))}
        values = {name: f"{at.astimezone(zone_of(row)):%d %B %Y, %H:%M %Z}" if at else "?"
                  for name, at in times.items()}
        subject, text = (t.format(title=line(gig["title"], 100), **values) for t in text_of(row))
        url = line(gig["url"], 1000)
        link = html.escape(url)
        if url.startswith(("https://", "http://")):
            link = f'<a href="{link}">{link}</a>'
        subjects.append(subject)
        texts.append(f"{text}\n{url}\n")
        parts.append(f"<p>{html.escape(text)}<br>\n{link}</p>\n")

    if len(rows[0].email) > 254:
        raise ValueError("longer than a mail address can be")
    mail = EmailMessage()
    mail["From"] = SENDER
    # Refuses what is more or less than one address. What would have to be quoted in a
    # name is left out: Python forgets the quotes where a header becomes two lines.
    name = line(re.sub(r'[()<>@,:;"\\[\]]', " ", rows[0].name or ""), 100)
    mail["To"] = Address(name, addr_spec=rows[0].email)
    mail["Subject"] = subjects[0] + (f" (and {len(rows) - 1} more)" if len(rows) > 1 else "")
    mail["Date"] = format_datetime(datetime.now(timezone.utc))
    # The same in a repetition, which mail systems may drop for it.
    mail["Message-ID"] = f"<{rows[0].payload['event_id']}@{SENDER.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(texts))
    mail.add_alternative("".join(parts), subtype="html")
    return mail


# ------------------------------------------------------------ when it is --

def send_at(row, now):
    """Now, or the later time that this is put off to.

    An invitation waits for the end of the DIGEST seconds in which it was made,
    and goes out with the worker's others. Nothing goes out in his quiet hours.
    What is to be answered before it would go out goes out now."""
    at = now
    if DIGEST and text_of(row) is INVITED:
        made = datetime.fromisoformat(row.payload["occurred_at"])
        at = max(now, made + DIGEST - (made - datetime(2000, 1, 1, tzinfo=timezone.utc)) % DIGEST)
    if QUIET:
        begin, end = QUIET
        local = at.astimezone(zone_of(row))
        clock = local.time()
        if begin <= clock < end or (begin > end and not end <= clock < begin):
            local += timedelta(days=clock >= end)
            at = local.replace(hour=end.hour, minute=end.minute, second=end.second, microsecond=0)
    answer_by = moment((row.payload["invitation"] or {}).get("answer_by"))
    return now if answer_by and at >= answer_by else at


# ---------------------------------------------------------------- sending --

# What is wrong with one mail, not with the way to all of them.
REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPNotSupportedError)


def send(mail):
    with contextlib.closing(smtplib.SMTP(SMTP_HOST, SMTP_PORT, timeout=SMTP_TIMEOUT)) as smtp:
        if SMTP_USER:
            try:
                smtp.starttls(context=ssl.create_default_context())
                smtp.login(SMTP_USER, SMTP_PASSWORD)
            except smtplib.SMTPNotSupportedError as error:      # no fault of this mail's
                raise smtplib.SMTPConnectError(-1, str(error)) from error
        smtp.send_message(mail, SENDER.addr_spec, [mail["To"].addresses[0].addr_spec])
        with contextlib.suppress(OSError):      # it is sent, whatever becomes of the goodbye
            smtp.quit()


def backoff(attempts):
    """A minute, then two, four, ... at most six hours; never all at the same time."""
    return min(RETRY * 2 ** min(attempts - 1, 20), timedelta(hours=6)) * random.uniform(0.75, 1.25)


# ----------------------------------------------------------- the database --

def statement(text):
    return SQL(text).format(space=Identifier(SPACE))


CLAIM = statement("""
    SELECT clock_timestamp() AS now, n.claim, n.id, n.kind, n.worker_id, n.attempts, n.payload, n.still_valid,
        w.profile->>'email' AS email, w.profile->>'name' AS name, w.profile->>'time_zone' AS time_zone
    FROM {space}.claim_notifications(%s, %s, %s) n LEFT JOIN {space}.worker w ON w.id = n.worker_id
    ORDER BY n.id""")
CONFIRM = statement("SELECT {space}.confirm_notifications(%s, %s, %s)")
FAIL = statement("SELECT {space}.fail_notifications(%s, %s, %s, clock_timestamp() + %s)")
PUT_OFF = statement("SELECT {space}.fail_notifications(%s, %s, NULL, %s)")

unreported = collections.deque()    # outlives a lost connection
told = collections.deque()          # what the database has notified us of
stopping = False


def report(db, *what):
    """Says what became of notifications. A claim may report as long as nobody else
    holds them, so what a lost connection has kept from it is said on the next one."""
    unreported.extend([what] if what else [])
    while unreported:
        db.execute(*unreported[0])
        unreported.popleft()


def deliver(db):
    """Claims notifications and says of each what became of it; False: none is due."""
    last_start = time.monotonic() + LEASE.total_seconds() / 2
    rows = db.execute(CLAIM, (BATCH, LEASE, CONSUMER)).fetchall()
    if not rows:
        return False
    now, claim = rows[0].now, rows[0].claim         # no clock but the database's says what is due
    log(f"claim {claim}: {len(rows)} notifications")

    needless, later, mails = [], collections.defaultdict(list), collections.defaultdict(list)
    for row in rows:
        if not row.still_valid or not row.email or not text_of(row):
            needless.append(row.id)
        elif (at := send_at(row, now)) > now:
            later[at].append(row.id)
        else:
            mails[row.worker_id if DIGEST else row.id].append(row)
    if needless:
        report(db, CONFIRM, (claim, needless, "suppressed"))
    for at, ids in later.items():
        report(db, PUT_OFF, (claim, ids, at))       # without an error: no attempt counts

    wait = timedelta(0)
    for rows in mails.values():
        ids = [row.id for row in rows]
        if stopping or wait or time.monotonic() > last_start:
            # Back to whoever is next; no attempt counts.
            report(db, FAIL, (claim, ids, None, wait))
            continue
        try:
            send(compose(rows))
        except Exception as error:
            log(f"notification {ids[0]}: {type(error).__name__}")
            report(db, FAIL, (claim, ids, f"{type(error).__name__}: {error}"[:500], backoff(rows[0].attempts)))
            # The mail server is away: this one pays with an attempt, the others wait.
            if isinstance(error, OSError) and not isinstance(error, REFUSED):
                wait = RETRY
        else:
            report(db, CONFIRM, (claim, ids, "delivered"))
    if wait:
        sleep(wait)
    return True


def sleep(duration, db=None):
    """Until the time is over, a signal comes, or the database has something to say."""
    select.select([wakeup] + ([db] if db else []), [], [], duration.total_seconds())


def stop(*_):
    global stopping
    stopping = True


def main():
    while not stopping:
        try:
            with psycopg.connect(autocommit=True, row_factory=namedtuple_row, connect_timeout=10,
                                 tcp_user_timeout=30000, application_name=f"{CONSUMER} {os.getpid()}") as db:
                db.add_notify_handler(told.append)
                db.execute(SQL("LISTEN {}").format(Identifier(SPACE)))
                report(db)
                while not stopping:
                    told.clear()
                    if not deliver(db) and not told:
                        sleep(POLL, db)
        except psycopg.OperationalError as error:
            log(f"database: {error}")
            sleep(timedelta(seconds=random.uniform(1, 3)))


wakeup, alarm = os.pipe()
os.set_blocking(alarm, False)
signal.set_wakeup_fd(alarm)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
main()
