// SPDX-License-Identifier: Apache-2.0
// Tab Messages on the page of an image.

(function () {
  'use strict';

  angular
    .module('usermsg.image-messages', ['horizon.app.core.images'])
    .run(addTab)
    .directive('usermsgImageMessages', showMessages);

  addTab.$inject = [
    '$q',
    '$window',
    'horizon.app.core.images.resourceType',
    'horizon.app.core.openstack-service-api.policy',
    'horizon.app.core.openstack-service-api.serviceCatalog',
    'horizon.framework.conf.resource-type-registry.service'
  ];

  // The region may have no user messages service, and the user no permission
  // to read its messages. Both are read only when an image is, and before its
  // page is built: Horizon's overview doesn't bear being built again when a
  // second tab is added.
  function addTab($q, $window, typeName, policy, serviceCatalog, registry) {
    var type = registry.getResourceType(typeName);
    var loadImage = type.load;
    var added = null;

    type.setLoadFunction(function (id) {
      added = added || $q.all([
        serviceCatalog.ifTypeEnabled('user-message'),
        policy.ifAllowed({rules: [['user-message', 'message:get_all']]})
      ]).then(add, angular.noop);
      return $q.all([loadImage(id), added]).then(function (results) {
        return results[0];
      });
    });

    function add() {
      type.detailsViews.append({
        id: 'usermsgImageMessages',
        name: gettext('Messages'),
        template: $window.STATIC_URL + 'usermsg/image-messages.html'
      });
    }
  }

  showMessages.$inject = [
    '$location',
    '$sce',
    'horizon.framework.util.http.service'
  ];

  function showMessages($location, $sce, http) {
    return {
      restrict: 'A',
      link: link,
      scope: {resourceId: '=usermsgImageMessages'},
      template: '<div ng-if="problem" ng-bind="problem" class="alert alert-danger" role="alert">' +
        '</div><div ng-bind-html="content"></div>'
    };

    // All tabs of the page are built at once: read when this one is visible.
    function link(scope, element) {
      var observer = new IntersectionObserver(function (entries) {
        if (entries.some(function (entry) { return entry.isIntersecting; })) {
          observer.disconnect();
          read();
        }
      });
      observer.observe(element[0]);
      scope.$on('$destroy', function () { observer.disconnect(); });

      // Horizon's links to an image from Admin name the panel they are in.
      function read() {
        var isAdmin = /^\/admin\//.test($location.search().nav);
        var dashboard = isAdmin ? 'admin' : 'project';
        http.get('/' + dashboard + '/usermsg/resource-messages/', {
          params: {'resource_id': scope.resourceId}
        }).then(function (response) {
          // The server has escaped its parts.
          scope.content = $sce.trustAsHtml(response.data);
        }, function () {
          scope.problem = gettext('The messages could not be read. Try again later.');
        });
      }
    }
  }
})();
