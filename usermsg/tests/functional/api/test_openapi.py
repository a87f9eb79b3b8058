# SPDX-License-Identifier: Apache-2.0
"""Tests that the OpenAPI description matches the routes and the policy."""

import collections

from openapi_spec_validator import OpenAPIV31SpecValidator

from usermsg.api import app
from usermsg.api.controllers import root
from usermsg.api import openapi
from usermsg import policies
from usermsg.tests import base
from usermsg.tests.fixtures import http_client


def operations(description):
    """Return a dict: (method, path) -> operation."""
    return {(method.upper(), path): operation
            for path, item in description['paths'].items()
            for method, operation in item.items()}


class TestOpenAPI(base.TestCase):

    def setUp(self):
        super().setUp()
        service = self.runtime()
        self.routes = {(route.method, route.path): route
                       for route in root.Root(service).native_routes}
        response = http_client.request(
            app.make_app(service), '/v3/openapi.json')
        self.assertEqual(200, response.status_int)
        self.description = response.json

    def test_description_is_valid_openapi(self):
        OpenAPIV31SpecValidator(self.description).validate()

    def test_description_needs_no_token(self):
        service = self.runtime(**http_client.KEYSTONE)
        response = http_client.request(
            app.make_app(service), '/v3/openapi.json')
        self.assertEqual(200, response.status_int)

    def test_description_contains_public_endpoint(self):
        service = self.runtime(api={
            'auth_strategy': 'noauth',
            'public_endpoint': 'https://cloud.example.org/user-message/'})
        response = http_client.request(
            app.make_app(service), '/v3/openapi.json')
        self.assertEqual(
            [{'url': 'https://cloud.example.org/user-message'}],
            response.json['servers'])

    def test_description_contains_exactly_the_routes(self):
        self.assertEqual(set(self.routes), set(operations(self.description)))

    def test_operations_match_their_routes(self):
        for key, operation in operations(self.description).items():
            route = self.routes[key]
            places = collections.defaultdict(dict)
            for parameter in operation['parameters']:
                if 'name' in parameter:
                    places[parameter['in']][parameter['name']] = parameter
            self.assertEqual(set(route.query or ()), set(places['query']), key)
            for name, parameter in places['query'].items():
                self.assertEqual(
                    route.query[name],
                    {**parameter['schema'],
                     **({'description': parameter['description']}
                        if 'description' in parameter else {})})
            self.assertEqual(
                {name for name in openapi.PATH_PARAMETERS
                 if '{%s}' % name in route.path}, set(places['path']), key)
            self.assertEqual(route.rule, operation.get('x-policy-rule'), key)
            self.assertEqual([{'token': []}] if route.rule else [],
                             operation['security'], key)
            self.assertEqual(
                route.body, operation['requestBody']['content'][
                    'application/json']['schema']
                if 'requestBody' in operation else None, key)
            for status, schema in route.responses.items():
                response = operation['responses'][str(status)]
                self.assertEqual(
                    schema, response['content']['application/json']['schema']
                    if 'content' in response else None, key)

    def test_operations_have_a_summary(self):
        for key, operation in operations(self.description).items():
            self.assertRegex(operation['summary'], r'^[A-Z].*\.$', key)

    def test_operation_ids_are_unique(self):
        names = [operation['operationId']
                 for operation in operations(self.description).values()]
        self.assertEqual(len(self.routes), len(set(names)))
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_links_lead_to_operations_with_the_parameter(self):
        by_id = {operation['operationId']: operation
                 for operation in operations(self.description).values()}
        links = [link for operation in by_id.values()
                 for response in operation['responses'].values()
                 for link in response.get('links', {}).values()]
        self.assertNotEqual([], links)
        for link in links:
            parameters = {parameter.get('name') for parameter in
                          by_id[link['operationId']]['parameters']}
            self.assertLessEqual(set(link['parameters']), parameters)

    def test_routes_use_existing_policy_rules(self):
        rules = {route.rule for route in self.routes.values()} - {None}
        self.assertNotEqual(set(), rules)
        self.assertLessEqual(rules,
                             {rule.name for rule in policies.list_rules()})

    def test_policy_rules_document_their_routes(self):
        by_rule = collections.defaultdict(set)
        for key, route in self.routes.items():
            by_rule[route.rule].add(key)
        for rule in policies.list_rules():
            documented = {(operation['method'], operation['path'])
                          for operation in rule.operations}
            self.assertNotEqual(set(), documented, rule.name)
            if rule.name in by_rule:
                self.assertEqual(by_rule[rule.name], documented, rule.name)
            else:
                # Enforced in addition to the route's rule, or by a route that
                # needs no token.
                self.assertLessEqual(documented, set(self.routes), rule.name)
