from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from doorward.django.forms import AuthenticationForm

from . import views

urlpatterns = [
    path("", views.home, name="home"),
    path("cart", views.cart, name="cart"),
    path("register", views.register, name="register"),
    path("login", LoginView.as_view(template_name="form.html", authentication_form=AuthenticationForm), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("password", views.password, name="password"),
    path("devices", views.devices, name="devices"),
    path("admin/", admin.site.urls),
]
