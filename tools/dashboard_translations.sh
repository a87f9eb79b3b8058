#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Add the dashboard's new texts to its translations, remove unused ones, and
# compile what is translated. Run it in the environment of Horizon:
#
#     python -P usermsg/tests/fixtures/environments.py horizon \
#         sh tools/dashboard_translations.sh [compile]
#
# With "compile" the translations stay as they are.

set -eu
cd "$(dirname "$0")/../dashboard"
templates=$(mktemp -d)
trap 'rm -r "$templates"' EXIT
locale=usermsg_dashboard/locale

for domain in django djangojs; do
    template=$templates/$domain.pot
    if [ "${1:-}" != compile ]; then
        pybabel --quiet extract --mapping "babel-$domain.cfg" \
            --project usermsg-dashboard --add-location file --width 79 \
            --keywords pgettext_lazy:1c,2 --output "$template" \
                usermsg_dashboard
        for language in de ja; do
            if grep -q '^#: ' "$template"; then
                pybabel --quiet update --domain "$domain" --locale "$language" \
                    --input-file "$template" --output-dir "$locale" \
                    --init-missing --no-fuzzy-matching --ignore-obsolete \
                    --ignore-pot-creation-date --width 79
            fi
        done
    fi
    if ls "$locale"/*/LC_MESSAGES/"$domain".po > /dev/null 2>&1; then
        pybabel --quiet compile --domain "$domain" --directory "$locale"
    fi
done
