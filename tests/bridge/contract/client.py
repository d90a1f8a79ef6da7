# SPDX-License-Identifier: MIT
"""An HTTP client that holds every answer against the document."""
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
        self.broken = []  # (sentence, what was sent)
        self.seen, self.asked = set(), 0

    def send(self, method, path, headers, body):
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except http.client.RemoteDisconnected:  # it was idle for too long
            self.connection.close()
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
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
        self.asked += 1
        self.broken += [(sentence, value) for sentence in self.document.violations(answer)]
        self.seen.add(self.document.seen(answer))
        return answer

    def summary(self):
        """Of sentences that differ in a path only, the first."""
        return {re.sub(r" \S+ ->", " ->", sentence, count=1): (sentence, value)
                for sentence, value in reversed(self.broken)}.values()

    def write_seen(self, path):
        with open(path, "a") as file:
            for kept in sorted(self.seen - {None}):
                print(*kept, file=file)
