# SPDX-License-Identifier: MIT
"""An HTTP client that holds every answer against the document."""
import copy
import http.client
import json
import re
import urllib.parse

from document import Answer, Document

SECONDS = 20


class Client:
    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=SECONDS)
        self.document = Document(self.send("GET", "/openapi.json", {}, None).body)
        self.broken, self.seen = [], []  # (sentence, what was sent); promises that were kept

    def another(self):
        """One with a connection of its own, that tells what it sees in the same place."""
        other = copy.copy(self)
        other.connection = http.client.HTTPConnection(self.connection.host, self.connection.port, timeout=SECONDS)
        return other

    @property
    def asked(self):
        return len(self.seen)

    def send(self, method, path, headers, body):
        try:
            self.connection.request(method, path, body, {name: value.encode() for name, value in headers.items()})
        except ConnectionError:  # it has read enough, and says why
            pass
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.getheader("Connection", "") == "close":
            self.connection.close()
        return Answer(method, path, answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def ask(self, method, path, token=None, headers=None, value=None, body=None):
        """value: goes as JSON. Else body goes as it is."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if value is not None:
            body = json.dumps(value).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        answer = self.send(method, path, headers, body)
        self.broken.extend((sentence, value) for sentence in self.document.violations(answer))
        self.seen.append(self.document.seen(answer))
        return answer

    def call(self, name, value):
        """The operation of this name, by nobody."""
        operation = next(operation for operation in self.document.operations if operation.id == name)
        return self.ask(operation.method, operation.template, value=value)

    def log_in(self, email, password):
        """The answer; of one that succeeded, with an access_token."""
        return self.call("login", {"email": email, "password": password})

    def summary(self):
        """Of sentences that differ in a path only, the first."""
        return {re.sub(r" \S+ ->", " ->", sentence, count=1): (sentence, value)
                for sentence, value in reversed(self.broken)}.values()

    def write_seen(self, path):
        with open(path, "a") as file:
            for kept in sorted(set(self.seen) - {None}):
                print(*kept, file=file)
