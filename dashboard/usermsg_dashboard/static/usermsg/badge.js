// SPDX-License-Identifier: Apache-2.0
// Badge with the number of unread errors, which is read again while the page
// is open and visible.

(function () {
  'use strict';

  var MAX_DELAY = 600;
  var MAX_FAILURES = 6;
  var TIMEOUT = 10;
  // The session has ended, the project was left, or the region has no service.
  var FINAL_STATUSES = [401, 403, 404];

  // Horizon replaces the placeholder by the sections when it has read them.
  function start() {
    var placeholder = document.getElementById('extensible-header');
    if (!placeholder) {
      return;
    }
    var observer = new MutationObserver(function () {
      var badge = document.querySelector('[data-usermsg-badge]');
      if (badge) {
        observer.disconnect();
        run(badge);
      }
    });
    observer.observe(placeholder.parentNode, {childList: true});
  }

  function run(badge) {
    var number = badge.dataset.number === '' ? null : Number(badge.dataset.number);
    var failures = 0;
    var due = Date.now() + 1000 * Number(badge.dataset.delay);
    var isReading = false;
    var isOver = false;
    var timer = null;
    var announcement = document.createElement('div');

    // Horizon puts a section into an element without an address, which the
    // keyboard doesn't reach.
    badge.closest('a').href = badge.dataset.href;
    announcement.className = 'sr-only';
    announcement.lang = badge.lang;
    announcement.setAttribute('role', 'status');
    announcement.setAttribute('aria-live', 'polite');
    document.body.appendChild(announcement);
    document.addEventListener('visibilitychange', schedule);
    schedule();

    function schedule() {
      clearTimeout(timer);
      if (!isOver && !isReading && !document.hidden) {
        timer = setTimeout(read, Math.max(0, due - Date.now()));
      }
    }

    function read() {
      var request = new AbortController();
      var timeout = setTimeout(function () { request.abort(); }, TIMEOUT * 1000);
      isReading = true;
      fetch(badge.dataset.url, {
        cache: 'no-store',
        credentials: 'same-origin',
        headers: {'X-Requested-With': 'XMLHttpRequest'},
        redirect: 'error',
        signal: request.signal
      }).then(function (response) {
        isOver = FINAL_STATUSES.indexOf(response.status) >= 0;
        if (!response.ok) {
          throw new Error(response.status);
        }
        return response.json();
      }).then(function (unread) {
        if (unread.number !== null) {
          show(unread);
        }
        wait(unread.delay, unread.failed);
      }).catch(function () {
        wait(TIMEOUT, true);
      }).then(function () {
        clearTimeout(timeout);
        isReading = false;
        schedule();
      });
    }

    function show(unread) {
      badge.querySelector('.badge').textContent = unread.shown;
      badge.querySelector('.sr-only').textContent = unread.text;
      if (number !== null && unread.number > number) {
        announcement.textContent = unread.text;
      }
      number = unread.number;
    }

    // Failures double the delay, and end it after some.
    function wait(delay, failed) {
      failures = failed ? failures + 1 : 0;
      isOver = isOver || failures >= MAX_FAILURES;
      due = Date.now() + 1000 * Math.min(
        MAX_DELAY, delay * Math.pow(2, Math.max(0, failures - 1)));
    }
  }

  horizon.addInitFunction(start);
})();
