// SPDX-License-Identifier: Apache-2.0
// Buttons that copy a text, and boxes that select all messages of a table.

(function () {
  'use strict';

  function copy(text) {
    // Browsers have no clipboard on pages without TLS.
    if (navigator.clipboard) {
      return navigator.clipboard.writeText(text);
    }
    var area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    document.body.appendChild(area);
    area.select();
    var copied = document.execCommand('copy');
    area.remove();
    return copied ? Promise.resolve() : Promise.reject(new Error('copy'));
  }

  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-usermsg-copy]');
    if (!button) {
      return;
    }
    var source = document.getElementById(button.dataset.usermsgCopy);
    copy(source.textContent).then(function () {
      button.nextElementSibling.textContent = button.dataset.usermsgCopied;
      button.focus();
    }, function () {
      // The user copies the selected text with the keyboard.
      window.getSelection().selectAllChildren(source);
    });
  });

  document.addEventListener('change', function (event) {
    var box = event.target;
    var all = box.form && box.form.querySelector('[data-usermsg-select-all]');
    if (!all) {
      return;
    }
    var boxes = Array.from(box.form.querySelectorAll('input[name=message]'));
    if (box === all) {
      boxes.forEach(function (other) {
        other.checked = all.checked;
      });
    }
    var selected = boxes.filter(function (other) {
      return other.checked;
    }).length;
    all.checked = selected === boxes.length;
    all.indeterminate = selected > 0 && !all.checked;
  });
}());
