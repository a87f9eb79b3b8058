# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description: what is served is described, and the rest isn't."""

import collections

from openapi_spec_validator import OpenAPIV31SpecValidator

from usermsg.api import app
from usermsg.api.controllers import root
from usermsg.api import openapi
from usermsg import policies
from usermsg.tests import base
from usermsg.tests.fixtures import http_client


def operations(description):
    """(method, path) -> operation"""
    return {(method.upper(), path): operation
            for path, item in description['paths'].items()
            for method, operation in item.items()}


class TestOpenAPI(base.TestCase):

    def setUp(self):
        super().setUp()
        service = self.runtime()
        self.routes = {(route.method, route.path): route
                       for route in root.Root(service).native_routes}
        answer = http_client.request(app.make_app(service), '/v3/openapi.json')
        self.assertEqual(200, answer.status_int)
        self.description = answer.json

    def test_it_is_valid(self):
        OpenAPIV31SpecValidator(self.description).validate()

    def test_it_is_served_to_whoever_has_no_token(self):
        service = self.runtime(**http_client.KEYSTONE)
        answer = http_client.request(app.make_app(service), '/v3/openapi.json')
        self.assertEqual(200, answer.status_int)

    def test_it_says_where_the_service_is(self):
        service = self.runtime(api={
            'auth_strategy': 'noauth',
            'public_endpoint': 'https://cloud.example.org/user-message/'})
        answer = http_client.request(app.make_app(service), '/v3/openapi.json')
        self.assertEqual(
            [{'url': 'https://cloud.example.org/user-message'}],
            answer.json['servers'])

    def test_it_has_the_routes_that_are_served_and_no_others(self):
        self.assertEqual(set(self.routes), set(operations(self.description)))

    def test_each_operation_is_that_of_its_route(self):
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
                answer = operation['responses'][str(status)]
                self.assertEqual(
                    schema, answer['content']['application/json']['schema']
                    if 'content' in answer else None, key)

    def test_each_operation_says_what_it_does(self):
        for key, operation in operations(self.description).items():
            self.assertRegex(operation['summary'], r'^[A-Z].*\.$', key)

    def test_each_operation_has_a_name_of_its_own(self):
        names = [operation['operationId']
                 for operation in operations(self.description).values()]
        self.assertEqual(len(self.routes), len(set(names)))
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_each_link_leads_to_an_operation_that_takes_it(self):
        found = {operation['operationId']: operation
                 for operation in operations(self.description).values()}
        links = [link for operation in found.values()
                 for answer in operation['responses'].values()
                 for link in answer.get('links', {}).values()]
        self.assertNotEqual([], links)
        for link in links:
            known = {parameter.get('name') for parameter in
                     found[link['operationId']]['parameters']}
            self.assertLessEqual(set(link['parameters']), known)

    def test_each_rule_is_one_of_the_policys(self):
        rules = {route.rule for route in self.routes.values()} - {None}
        self.assertNotEqual(set(), rules)
        self.assertLessEqual(rules,
                             {rule.name for rule in policies.list_rules()})

    def test_the_policy_and_the_routes_name_the_same_operations(self):
        by_rule = collections.defaultdict(set)
        for key, route in self.routes.items():
            by_rule[route.rule].add(key)
        for rule in policies.list_rules():
            stated = {(operation['method'], operation['path'])
                      for operation in rule.operations}
            self.assertNotEqual(set(), stated, rule.name)
            if rule.name in by_rule:
                self.assertEqual(by_rule[rule.name], stated, rule.name)
            else:
                # Asked in addition to the route's own, or by a route that
                # everybody may use.
                self.assertLessEqual(stated, set(self.routes), rule.name)
